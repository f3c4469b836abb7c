"""What holds whatever is seen."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan.scaling.looks import NOW, TAUGHT, engine, look, starting
from tidegate.plan.scaling.decide import decide
from tidegate.plan.scaling.demand import demands
from tidegate.plan.scaling.headroom import Headroom
from tidegate.plan.scaling.policies import Direction, Policy
from tidegate.plan.scaling.seen import Engine, Reading, Seen
from tidegate.plan.scaling.settings import Settings, Signal
from tidegate.plan.scaling.signals import of_load, of_signals
from tidegate.plan.scaling.state import State
from tidegate.plan.scaling.ticks import Tick, Ticks
from tidegate.plan.scaling.windows import Answered

SIGNALS = (
    Signal("queue", "queueDepth", 5),
    Signal("kv", "kvCacheUtilization", 0.8),
    Signal("ttft", "timeToFirstToken", 0.5),
    Signal("requests", "requestsPerReplica", 20),
    Signal("gpu", "query", 2.0),
)


@st.composite
def engines(draw: st.DrawFn) -> Engine:
    kind = draw(st.sampled_from(["serves", "serves", "serves", "starts", "drains", "silent"]))
    if kind == "starts":
        return starting(-draw(st.floats(0, 900)))
    return engine(
        kv=draw(st.floats(0, 1)),
        running=draw(st.integers(0, 256)),
        waiting=draw(st.integers(0, 500)),
        ready=-draw(st.floats(0, 5000)),
        draining=kind == "drains",
        read=NOW - (60 if kind == "silent" else 0),
        token_seconds=draw(st.floats(0, 1)),
    )


READINGS = st.builds(
    Reading,
    value=st.none() | st.floats(-1, 1e6),
    age=st.floats(0, 200),
    error=st.sampled_from(["", "", "", "Prometheus did not answer"]),
)


@st.composite
def looks(draw: st.DrawFn) -> Seen:
    return look(
        *draw(st.lists(engines(), max_size=12)),
        arrived=draw(st.none() | st.integers(0, 5000)),
        held=draw(st.integers(0, 3000)),
        readings=draw(st.dictionaries(st.sampled_from(["ttft", "gpu"]), READINGS)),
        room=draw(st.none() | st.integers(0, 20)),
    )


@st.composite
def directions(draw: st.DrawFn) -> Direction:
    policy = st.builds(Policy, st.sampled_from(["Pods", "Percent"]), st.integers(1, 200), st.floats(1, 1800))
    return Direction(
        window=draw(st.none() | st.floats(0, 600)),
        policies=tuple(draw(st.lists(policy, max_size=3))),
        select=draw(st.sampled_from(["Max", "Min", "Disabled"])),
        tolerance=draw(st.floats(0, 1)),
    )


@st.composite
def asked(draw: st.DrawFn) -> Settings:
    least = draw(st.integers(0, 6))
    return Settings(
        least=least,
        most=least + draw(st.integers(1, 20)),
        signals=tuple(draw(st.sets(st.sampled_from(SIGNALS)))),
        up=draw(directions()),
        down=draw(directions()),
        idle_after=600.0 if not least else None,
        headroom=draw(st.sampled_from([0.0, 0.8, 0.99])),
    )


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any past."""
    ago = draw(st.lists(st.floats(1, 600), max_size=5, unique=True).map(lambda some: sorted(some, reverse=True)))
    return State(
        since=draw(st.none() | st.just(NOW - 4000)),
        ticks=Ticks(
            tuple(
                Tick(NOW - 5.0 * i, 5.0, draw(st.integers(-1, 100)), 2.0, 30)
                for i in range(draw(st.integers(0, 23)), 0, -1)
            )
        ),
        learned=draw(st.sampled_from([TAUGHT, State().learned])),
        headroom=Headroom(began=NOW - 59.0, replicas=draw(st.floats(0, 4))),
        changes=tuple((NOW - at, draw(st.integers(-3, 3))) for at in ago),
        downs=tuple(Answered(NOW - at, 12 - i) for i, at in enumerate(ago)),
        busy=draw(st.none() | st.floats(NOW - 9000, NOW)),
    )


@given(looks(), asked(), states())
def test_never_outside_its_bounds(seen: Seen, wanted: Settings, state: State) -> None:
    found = decide(seen, wanted, state)
    assert wanted.least <= found.replicas <= wanted.most
    assert found.words
    assert all(isfinite(one.need) and isfinite(one.keep) for one in found.answers)


@given(looks(), asked(), states())
def test_never_down_on_missing_data(seen: Seen, wanted: Settings, state: State) -> None:
    missing = any(one.missing for one in of_signals(seen, Ticks((Tick(NOW, 5.0, 1, 1.0, 1),)), wanted))
    if seen.replicas and (seen.silent or seen.arrived is None or missing):
        held = decide(seen, replace(wanted, least=max(1, wanted.least), idle_after=None), state)
        assert held.replicas >= min(seen.replicas, wanted.most)


@given(looks(), asked(), states())
def test_never_up_where_up_is_forbidden(seen: Seen, wanted: Settings, state: State) -> None:
    found = decide(seen, replace(wanted, up=replace(wanted.up, select="Disabled")), state)
    assert found.replicas <= max(seen.replicas, wanted.least, 1)


@given(looks(), asked(), states())
def test_never_beyond_the_gpus(seen: Seen, wanted: Settings, state: State) -> None:
    if seen.room is not None and seen.replicas:
        # one may wait for a node, where an autoscaler of nodes sees it
        assert decide(seen, wanted, state).replicas <= max(seen.replicas + max(seen.room, 1), wanted.least, 1)


def frozen(seen: Seen, ticks: Ticks, wanted: Settings) -> tuple[float, float]:
    """The largest answers, with what was learned as it is."""
    answers = [
        *of_load(demands(seen, ticks, TAUGHT, 180.0), TAUGHT, 0.5, wanted),
        *of_signals(replace(seen, readings={name: Reading(0.6) for name in ("ttft", "gpu")}), ticks, wanted),
    ]
    return max(one.need for one in answers), max(one.keep for one in answers)


@given(looks(), asked(), states(), st.integers(0, 300), st.integers(0, 300), st.floats(0, 0.5))
def test_more_load_never_asks_for_less(
    seen: Seen, wanted: Settings, state: State, arrived: int, queued: int, kv: float
) -> None:
    if not seen.serving:
        return
    more = replace(
        seen, held=seen.held + queued, engines=[replace(one, kv=min(1.0, one.kv + kv)) for one in seen.engines]
    )

    def at(which: Seen, came: int) -> tuple[float, float]:
        requests = which.running + which.queued
        ticks = state.ticks.then(Tick(NOW, 5.0, came, which.work(wanted.sequences), requests))
        return frozen(which, ticks, wanted)

    before, after = at(seen, 30), at(more, 30 + arrived)
    assert after[0] >= before[0] - 1e-9
    assert after[1] >= before[1] - 1e-9


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.integers(0, 30)), min_size=30, max_size=120),
    st.integers(60, 600),
)
@settings(max_examples=40)
def test_nothing_that_came_leaves_within_the_window(steps: list[tuple[float, int, int]], window: int) -> None:
    """Whatever the load does; what is asked for is there 40 s later."""
    wanted = Settings(down=Direction(float(window), tolerance=0.1), signals=SIGNALS[:2], least_life=0.0)
    replicas, state, born, ups = 3, State(), [NOW - 4000.0] * 3, []  # type: int, State, list[float], list[tuple[float, int]]
    for i, (kv, arrived, waiting) in enumerate(steps):
        now = NOW + 5.0 * i
        there = [
            Engine(at, at + 40 if at + 40 <= now else None, False, now, waiting, round(kv * 30), kv) for at in born
        ]
        found = decide(Seen(now, replicas, there, arrived), wanted, state)
        assert all(found.replicas >= many for at, many in ups if now - at < window)
        ups += [(now, found.replicas)] if found.replicas > replicas else []
        born = [*born, *[now] * (found.replicas - replicas)] if found.replicas > replicas else born[: found.replicas]
        replicas, state = found.replicas, found.state
