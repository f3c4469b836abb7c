"""The work queue, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.virtual_time import now, run
from tidegate.control.workqueue import FIRST_BACKOFF, LAST_BACKOFF, WorkQueue, backoff

Work = Callable[[str], Awaitable[float | None]]


class Worker:
    """Work that takes a second, and remembers when it began on which key."""

    def __init__(self, takes: float = 1.0, then: float | None = None) -> None:
        self.begun: list[tuple[float, str]] = []
        self.running: set[str] = set()
        self.failing = 0
        self._takes, self._then = takes, then

    async def __call__(self, key: str) -> float | None:
        assert key not in self.running, "two workers on one key"
        self.running.add(key)
        self.begun.append((round(now(), 3), key))
        try:
            await asyncio.sleep(self._takes)
        finally:
            self.running.discard(key)
        if self.failing:
            self.failing -= 1
            raise RuntimeError("not this time")
        return self._then


async def during(queue: WorkQueue[str], work: Work, seconds: float, workers: int = 2) -> None:
    """Lets the queue run for a while."""
    task = asyncio.create_task(queue.run(workers, work))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_key_that_waits_twice_is_worked_on_once() -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](), Worker()
        for key in ("a", "b", "a", "a"):
            queue.add(key)
        assert len(queue) == 2
        await during(queue, work, 10)
        assert work.begun == [(0, "a"), (0, "b")]
        assert len(queue) == 0

    run(main())


def test_a_key_added_while_it_is_worked_on_runs_once_more_afterwards() -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](), Worker()
        queue.add("a")
        loop = asyncio.get_running_loop()
        for moment in (0.2, 0.4, 0.6):
            loop.call_at(moment, queue.add, "a")
        await during(queue, work, 10)
        assert work.begun == [(0, "a"), (1, "a")]

    run(main())


def test_as_many_keys_at_once_as_there_are_workers() -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](), Worker()
        for key in "abcde":
            queue.add(key)
        await during(queue, work, 10)
        assert [when for when, _ in work.begun] == [0, 0, 1, 1, 2]

    run(main())


def test_flows_take_turns() -> None:
    """Who brings many keys keeps nobody else waiting."""

    async def main() -> None:
        queue, work = WorkQueue[str](lambda key: key[0]), Worker()
        for key in ("a1", "a2", "a3", "a4", "b1", "b2", "c1"):
            queue.add(key)
        await during(queue, work, 10, workers=1)
        assert [key for _, key in work.begun] == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]

    run(main())


def test_who_was_idle_gets_no_credit() -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](lambda key: key[0]), Worker()
        for key in ("a1", "a2", "a3", "a4"):
            queue.add(key)
        for i in range(4):
            asyncio.get_running_loop().call_later(1.5 + i / 10, queue.add, f"b{i}")
        await during(queue, work, 10, workers=1)
        assert [key for _, key in work.begun] == ["a1", "a2", "b0", "a3", "b1", "a4", "b2", "b3"]

    run(main())


@pytest.mark.parametrize("times", [1, 2])
def test_an_edit_passes_the_rest_of_its_flow(times: int) -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](), Worker()
        for key in "abcde":
            queue.add(key)
        for _ in range(times):
            queue.add("d", edited=True)
        assert len(queue) == 5
        await during(queue, work, 10, workers=1)
        assert [key for _, key in work.begun] == ["a", "d", "b", "c", "e"]

    run(main())


@pytest.mark.parametrize("edits", [(True, False), (False, True)])
def test_an_edit_of_what_is_worked_on_comes_next(edits: tuple[bool, bool]) -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](), Worker()
        for key in "abc":
            queue.add(key)
        for i, edited in enumerate(edits):
            asyncio.get_running_loop().call_later(0.5 + i / 10, queue.add, "a", edited)
        await during(queue, work, 10, workers=1)
        assert [key for _, key in work.begun] == ["a", "a", "b", "c"]

    run(main())


@given(
    adds=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["a1", "a2", "a3", "b1", "c1"]), st.booleans())),
    workers=st.integers(1, 3),
)
def test_every_key_is_worked_on_after_it_was_added(adds: list[tuple[int, str, bool]], workers: int) -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](lambda key: key[0]), Worker()
        for tenths, key, edited in adds:
            asyncio.get_running_loop().call_later(tenths / 10, queue.add, key, edited)
        await during(queue, work, 100, workers)
        begun = {key: [when for when, other in work.begun if other == key] for _, key, _ in adds}
        for tenths, key, _ in adds:
            assert any(when >= tenths / 10 for when in begun[key])
        assert all(len(begun[key]) <= sum(other == key for _, other, _ in adds) for key in begun)
        assert len(queue) == 0

    run(main())


def test_the_next_turn() -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](), Worker(takes=0, then=30.0)
        queue.add("a")
        await during(queue, work, 70)
        assert work.begun == [(0, "a"), (30, "a"), (60, "a")]

    run(main())


def test_an_event_before_the_next_turn_replaces_it() -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](), Worker(takes=0, then=30.0)
        queue.add("a")
        asyncio.get_running_loop().call_at(20, queue.add, "a")
        await during(queue, work, 45)
        assert work.begun == [(0, "a"), (20, "a")]

    run(main())


@pytest.mark.parametrize("order", [(5.0, 9.0), (9.0, 5.0)])
def test_the_earlier_of_two_times_counts(order: tuple[float, float]) -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](), Worker(takes=0)
        for seconds in order:
            queue.add_after("a", seconds)
        await during(queue, work, 20)
        assert work.begun == [(5, "a")]

    run(main())


def test_a_failure_is_tried_again_with_back_off_and_success_forgets_it() -> None:
    async def main() -> None:
        queue, work = WorkQueue[str](), Worker(takes=0)
        work.failing = 4
        queue.add("a")
        await during(queue, work, 60)
        moments = [when for when, _ in work.begun]
        assert len(moments) == 5
        pauses = [b - a for a, b in itertools.pairwise(moments)]
        for number, pause in enumerate(pauses):
            assert 0.1 * 2**number - 0.001 <= pause <= 0.2 * 2**number + 0.001
        work.failing = 1
        queue.add("a")
        await during(queue, work, 60)
        *_, last, again = [when for when, _ in work.begun]
        assert again - last <= FIRST_BACKOFF + 0.001

    run(main())


def test_a_failing_key_does_not_keep_others_from_running() -> None:
    async def main() -> None:
        queue = WorkQueue[str]()
        done: list[str] = []

        async def work(key: str) -> float | None:
            if key == "bad":
                raise RuntimeError("always")
            done.append(key)
            return None

        for key in ("bad", "a", "b"):
            queue.add(key)
        await during(queue, work, 5, workers=1)
        assert done == ["a", "b"]

    run(main())


def test_backoff_grows_to_its_limit() -> None:
    assert [backoff(n, 0.0) for n in (1, 2, 3)] == [0.1, 0.2, 0.4]
    assert backoff(1, 0.999) <= FIRST_BACKOFF
    assert backoff(10**6, 0.999) <= LAST_BACKOFF
    assert backoff(10**6, 0.0) == LAST_BACKOFF / 2
