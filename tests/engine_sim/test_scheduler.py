"""The queue model, driven by a clock of numbers: no server, no waiting."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.engine_sim.kvcache import BlockPool
from e2e.engine_sim.scheduler import Limits, Scheduler, Step
from e2e.engine_sim.sequence import Sequence
from e2e.engine_sim.timing import Timing

BLOCK = 16
TIMING = Timing(prefill_rate=10_000, decode_s=0.01, batch_slope=0.0)


def a_scheduler(
    *, max_seqs: int = 4, blocks: int = 1000, budget: int = 8192, adapters: int = 1, caching: bool = True, host: int = 0
) -> Scheduler:
    pool = BlockPool(blocks, caching=caching, host_blocks=host)
    return Scheduler(Limits(max_seqs, budget, adapters), pool, BLOCK, TIMING)


def a_sequence(prompt: int = 10, output: int = 5, now: float = 0.0, *, first: int = 1, adapter: str = "") -> Sequence:
    """A sequence of distinct tokens; those with the same `first` begin alike."""
    return Sequence(range(first, first + prompt), range(10_000, 10_000 + output), now, adapter)


def run(scheduler: Scheduler, until: float = 1e9) -> list[Step]:
    """Runs until idle or until the given time."""
    return scheduler.advance(until)


def test_a_lone_request_takes_one_pass_per_token() -> None:
    scheduler = a_scheduler()
    sequence = a_sequence(prompt=100, output=5)
    scheduler.add(sequence, 0.0)
    steps = run(scheduler)
    assert len(steps) == 5
    assert sequence.first_token_at == pytest.approx(0.01 + 100 / 10_000)
    assert sequence.last_token_at == pytest.approx(0.02 + 4 * 0.01)
    assert sequence.done
    assert scheduler.due is None


def test_nothing_happens_before_its_time() -> None:
    scheduler = a_scheduler()
    scheduler.add(a_sequence(prompt=100), 0.0)
    assert run(scheduler, until=0.0199) == []
    assert len(run(scheduler, until=0.0201)) == 1


def test_a_batch_costs_more_than_one_sequence() -> None:
    timing = Timing(prefill_rate=1000, decode_s=0.01, batch_slope=0.1)
    assert timing.step(1, 0) == pytest.approx(0.01)
    assert timing.step(11, 0) == pytest.approx(0.02)
    assert timing.step(1, 500) == pytest.approx(0.51)
    timing.slow_factor = 3
    timing.speed = 6
    assert timing.step(1, 500) == pytest.approx(0.255)


def test_first_come_first_served_within_the_slots() -> None:
    scheduler = a_scheduler(max_seqs=2)
    sequences = [a_sequence(first=1000 * index) for index in range(1, 6)]
    for sequence in sequences:
        scheduler.add(sequence, 0.0)
    assert (len(scheduler.running), len(scheduler.waiting)) == (1, 4)
    assert max(len(step.batch) for step in run(scheduler)) == 2
    starts = [sequence.scheduled_at or 0.0 for sequence in sequences]
    assert starts == sorted(starts)
    assert len(set(starts)) >= 3


def test_long_prompts_come_in_chunks_beside_decoding() -> None:
    scheduler = a_scheduler(budget=64)
    short, long = a_sequence(prompt=10, output=20), a_sequence(prompt=200, output=1, first=5000)
    scheduler.add(short, 0.0)
    scheduler.add(long, 0.0)
    steps = run(scheduler)
    assert max(sum(tokens for _, tokens in step.batch) for step in steps) <= 64
    chunks = [tokens for step in steps for sequence, tokens in step.batch if sequence is long]
    assert sum(chunks) == 200
    assert len(chunks) == 4
    assert short.generated == 20


def test_a_full_cache_makes_requests_wait() -> None:
    scheduler = a_scheduler(blocks=8)  # 7 blocks: 112 tokens
    first, second = a_sequence(prompt=60, output=4), a_sequence(prompt=60, output=4, first=5000)
    scheduler.add(first, 0.0)
    scheduler.add(second, 0.0)
    run(scheduler, until=0.016)
    assert (len(scheduler.running), len(scheduler.waiting)) == (1, 1)
    run(scheduler)
    assert second.scheduled_at == first.last_token_at
    assert second.preemptions == 0


def test_the_youngest_is_preempted_and_comes_back() -> None:
    scheduler = a_scheduler(blocks=8)
    first, second = a_sequence(prompt=30, output=60), a_sequence(prompt=30, output=60, first=5000)
    scheduler.add(first, 0.0)
    scheduler.add(second, 0.0)
    steps = run(scheduler)
    assert sum(step.preempted for step in steps) == second.preemptions > 0
    assert first.preemptions == 0
    assert (first.generated, second.generated) == (60, 60)
    assert (second.last_token_at or 0) > (first.last_token_at or 0)
    assert scheduler.pool.usage == 0


def test_the_preempted_come_before_those_who_never_ran() -> None:
    scheduler = a_scheduler(max_seqs=2, blocks=8)
    _, second, third = sequences = [a_sequence(prompt=30, output=60, first=5000 * n) for n in (1, 2, 3)]
    for sequence in sequences:
        scheduler.add(sequence, 0.0)
    while not second.preemptions and scheduler.due is not None:
        scheduler.advance(scheduler.due)
    assert list(scheduler.waiting) == [second, third]
    run(scheduler)
    assert third.done


def test_a_known_prefix_is_not_computed_again() -> None:
    scheduler = a_scheduler()
    for start in (0.0, 100.0):
        run(scheduler, until=start)
        again = a_sequence(prompt=160, output=1, now=start)
        scheduler.add(again, start)
    run(scheduler)
    # The last block is left out, because at least one token must be computed.
    assert again.cached == 144
    assert (again.first_token_at or 0) - 100.0 == pytest.approx(0.01 + 16 / 10_000)


def test_generated_tokens_are_cached_too() -> None:
    scheduler = a_scheduler()
    question = a_sequence(prompt=32, output=33)
    scheduler.add(question, 0.0)
    run(scheduler)
    follow_up = Sequence([*question.prompt, *question.output, 7], [1], 10.0)
    scheduler.add(follow_up, 10.0)
    assert follow_up.cached == 64


def test_adapters_share_no_prefix() -> None:
    scheduler = a_scheduler()
    scheduler.add(a_sequence(prompt=64, output=1), 0.0)
    run(scheduler)
    other = a_sequence(prompt=64, output=1, adapter="french")
    scheduler.add(other, 10.0)
    assert other.cached == 0


def test_the_host_tier_brings_blocks_back() -> None:
    scheduler = a_scheduler(blocks=9, host=100)
    for first in (1, 5000):  # the second pushes the first one out of the device
        scheduler.add(a_sequence(prompt=112, output=1, first=first), 0.0)
        run(scheduler)
    back = a_sequence(prompt=112, output=1)
    scheduler.add(back, 100.0)
    assert back.cached + back.offloaded == 96
    assert back.offloaded > 0


def test_adapters_wait_for_a_place() -> None:
    scheduler = a_scheduler(adapters=1)
    french, german, base = (
        a_sequence(first=1000 * n, adapter=name) for n, name in enumerate(["french", "german", ""], 1)
    )
    for sequence in (french, german, base):
        scheduler.add(sequence, 0.0)
    run(scheduler, until=0.02)
    assert scheduler.running == [french, base]
    assert scheduler.deferred == 1
    run(scheduler)
    assert german.scheduled_at == french.last_token_at


@pytest.mark.parametrize("when", [0.0, 0.015])
def test_an_aborted_request_leaves_at_once(when: float) -> None:
    scheduler = a_scheduler(max_seqs=1)
    gone, next_ = a_sequence(output=1000), a_sequence(first=5000)
    scheduler.add(gone, 0.0)
    scheduler.add(next_, 0.0)
    run(scheduler, until=when)
    scheduler.abort(gone)
    scheduler.abort(gone)
    assert scheduler.unfinished == 1
    run(scheduler)
    assert next_.done
    assert gone.generated < 3
    assert scheduler.pool.usage == 0


def test_a_waiting_request_can_be_aborted() -> None:
    scheduler = a_scheduler(max_seqs=1)
    scheduler.add(a_sequence(), 0.0)
    waiting = a_sequence(first=5000)
    scheduler.add(waiting, 0.0)
    scheduler.abort(waiting)
    run(scheduler)
    assert waiting.scheduled_at is None


def test_an_embedding_is_one_pass() -> None:
    scheduler = a_scheduler()
    sequence = a_sequence(prompt=50, output=0)
    scheduler.add(sequence, 0.0)
    (step,) = run(scheduler)
    assert [emitted for emitted, _ in step.emitted] == [sequence]
    assert sequence.done


def poisson(rate: float, count: int, seed: int = 1) -> list[float]:
    """Arrival times of a Poisson process."""
    dice, now, times = random.Random(seed), 0.0, []
    for _ in range(count):
        now += dice.expovariate(rate)
        times.append(now)
    return times


def simulate(scheduler: Scheduler, arrivals: list[float], output: int = 20) -> tuple[list[Sequence], float]:
    """Runs arrivals to the end; returns them and the integral of the number in the system over time."""
    sequences, area, before = [], 0.0, 0.0

    def pass_time(now: float) -> None:
        nonlocal area, before
        while scheduler.due is not None and scheduler.due <= now:
            due = scheduler.due
            area += scheduler.unfinished * (due - before)
            before = due
            scheduler.advance(due)
        if now < 1e9:
            area += scheduler.unfinished * (now - before)
            before = now

    for index, arrival in enumerate(arrivals):
        pass_time(arrival)
        sequence = a_sequence(10, output, arrival, first=100_000 + 100 * index)
        sequences.append(sequence)
        scheduler.add(sequence, arrival)
    pass_time(1e9)
    return sequences, area


def test_littles_law() -> None:
    arrivals = poisson(rate=10, count=2000)
    sequences, area = simulate(a_scheduler(max_seqs=4), arrivals)
    end = max(sequence.last_token_at or 0 for sequence in sequences)
    spent = [(sequence.last_token_at or 0) - sequence.arrival for sequence in sequences]
    in_system, rate, stay = area / end, len(sequences) / end, sum(spent) / len(spent)
    assert in_system == pytest.approx(rate * stay, rel=1e-6)
    assert in_system > 1


def test_utilisation_is_load_over_capacity() -> None:
    # 20 passes of 10 ms on one of 4 slots: 20 requests a second at most. 10 arrive: half of the slots are busy.
    sequences, _ = simulate(a_scheduler(max_seqs=4), poisson(rate=10, count=4000))
    end = max(sequence.last_token_at or 0 for sequence in sequences)
    busy = sum((sequence.last_token_at or 0) - (sequence.scheduled_at or 0) for sequence in sequences)
    assert busy / (4 * end) == pytest.approx(0.5, rel=0.1)


def queue_times(rate: float) -> list[float]:
    sequences, _ = simulate(a_scheduler(max_seqs=4), poisson(rate, count=1500))
    return [(sequence.scheduled_at or 0) - sequence.arrival for sequence in sequences]


def test_queues_grow_without_bound_beyond_capacity_only() -> None:
    calm, overloaded = queue_times(rate=12), queue_times(rate=30)
    third = len(calm) // 3
    assert max(calm) < 2
    # Each second brings 30 requests and serves 20: the last third waits longest, by far.
    averages = [sum(overloaded[start : start + third]) / third for start in (0, third, 2 * third)]
    assert all(later > earlier + 3 for earlier, later in pairwise(averages))


def test_a_prefix_cache_raises_throughput() -> None:
    ends = []
    for caching in (True, False):
        scheduler = a_scheduler(caching=caching)
        sequences = [a_sequence(prompt=2000, output=2) for _ in range(20)]
        for sequence in sequences:
            scheduler.add(sequence, 0.0)
        ends.append(run(scheduler)[-1].end)
    assert ends[0] < ends[1] / 3


REQUESTS = st.lists(
    st.tuples(
        st.integers(1, 120),  # prompt
        st.integers(1, 80),  # output
        st.floats(0, 0.2),  # time since the request before
        st.integers(0, 3),  # which prefix
        st.booleans(),  # aborted half-way?
    ),
    max_size=25,
)


@given(REQUESTS, st.integers(1, 6), st.integers(14, 40), st.integers(16, 300))
def test_whatever_comes_everything_ends_and_nothing_leaks(
    requests: list[tuple[int, int, float, int, bool]], max_seqs: int, blocks: int, budget: int
) -> None:
    scheduler = a_scheduler(max_seqs=max_seqs, blocks=blocks, budget=budget, host=5)
    now, sequences, steps = 0.0, [], []
    for prompt, output, pause, prefix, aborted in requests:
        now += pause
        steps += scheduler.advance(now)
        sequence = a_sequence(prompt, output, now, first=1 + 1000 * prefix)
        sequences.append((sequence, aborted))
        scheduler.add(sequence, now)
        if aborted:
            scheduler.abort(sequences[len(sequences) // 2][0])
    steps += run(scheduler)
    assert scheduler.unfinished == 0
    assert scheduler.pool.free == scheduler.pool.size
    assert all(sequence.done for sequence, _ in sequences)
    assert all(len(step.batch) <= max_seqs for step in steps)
    assert all(earlier.end < later.end for earlier, later in pairwise(steps))
