"""Every row of the table in decide.py, and its worked example."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.scaling.looks import NOW, TAUGHT, engine, later, look, starting, steady, through
from tidegate.plan.scaling.decide import Decision, decide, observe
from tidegate.plan.scaling.headroom import Headroom
from tidegate.plan.scaling.policies import Direction, Policy
from tidegate.plan.scaling.seen import Seen
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.state import State

FOUR = [engine(kv=kv, running=21) for kv in (0.70, 0.74, 0.68, 0.72)]
SETTINGS = Settings()
KNOWN = State(learned=TAUGHT, headroom=Headroom(replicas=0.30))


def settled(seen: Seen) -> Decision:
    """After two minutes of the same, with what was learned still what it was."""
    found = steady(seen, SETTINGS, 115.0, KNOWN)
    return replace(found, state=replace(found.state, learned=TAUGHT, headroom=Headroom(began=NOW + 100, replicas=0.30)))


def test_the_example() -> None:
    """What was learned differs by a little from the docstring's, which rounds."""
    one = steady(look(*FOUR, starting(), arrived=35), SETTINGS, 115.0, KNOWN)
    assert (one.replicas, one.limit) == (5, "Steady")
    quiet = settled(look(*FOUR, arrived=35))
    assert (quiet.replicas, quiet.limit) == (5, "Signal")
    assert quiet.words == "under way: 2.84 of 4 engines are in use"
    burst = decide(later(look(*FOUR, starting(), arrived=75), 120.0), SETTINGS, quiet.state)
    assert burst.replicas == 7
    assert burst.words.startswith("burst: a burst of 13 requests/s, an engine carries 2.6")


@pytest.mark.parametrize("start", [0.0, 60.0, 300.0])
def test_what_starts_counts(start: float) -> None:
    """A load that wants four never becomes eight while they start."""
    two = [engine(kv=0.98, running=29) for _ in range(2)]
    replicas, state, asked = 2, replace(KNOWN, headroom=Headroom()), []
    for i in range(round(start / 5) + 2):
        more = [starting() for _ in range(replicas - 2)]
        decision = decide(later(look(*two, *more, arrived=35), 5.0 * i), replace(SETTINGS, headroom=0.0), state)
        replicas, state = decision.replicas, decision.state
        asked.append(replicas)
    assert set(asked[1:]) <= {3, 4}
    assert asked == sorted(asked)


def test_no_engine_that_was_read_holds() -> None:
    gone = look(*(engine(read=NOW - 60.0) for _ in range(3)))
    found = decide(gone, SETTINGS, State())
    assert (found.replicas, found.limit, found.words) == (3, "NoMetrics", "no engine has said anything for 15 s")
    first = decide(look(starting(), starting(), arrived=3), SETTINGS, State())
    assert (first.replicas, first.words) == (2, "no engine is ready")


def test_one_less_must_carry_a_tenth_more() -> None:
    """0.51 of four engines are 2.17 at the use that is planned: three carry a tenth more, 2.39, under 80 %; of 0.52 they would not."""
    three = Settings(headroom=0.0, safety=0.0)
    assert steady(look(*(engine(kv=0.52, running=16) for _ in range(4)), arrived=1), three, 300.0).replicas == 4
    assert steady(look(*(engine(kv=0.51, running=16) for _ in range(4)), arrived=1), three, 300.0).replicas == 3


def test_each_answer_is_there() -> None:
    found = steady(look(*FOUR, arrived=35), SETTINGS, 5.0, KNOWN)
    assert [one.name for one in found.answers] == ["under way", "arrivals"]
    assert all(one.keep >= one.need > 0 and one.words for one in found.answers)


def test_changes_are_remembered_for_policies() -> None:
    found = steady(look(*FOUR, arrived=35), SETTINGS, 0.0, KNOWN)
    assert found.state.changes == ((NOW, found.replicas - 4),)
    assert decide(later(look(*FOUR, arrived=35, replicas=5), 1801.0), SETTINGS, found.state).state.changes == ()


def test_two_looks_at_once_do_no_harm() -> None:
    seen = look(*FOUR, arrived=35)
    found = through([seen, replace(seen, arrived=0), replace(seen, arrived=0)], SETTINGS, KNOWN)
    assert len({decision.replicas for decision in found}) == 1


def test_a_decision_that_is_not_carried_out_yet() -> None:
    """A pass comes late: the same is decided again, and a policy does not count it twice."""
    settings = Settings(up=Direction(policies=(Policy("Pods", 2, 60.0),)))
    full = look(*(engine(kv=1.0, running=31, waiting=200) for _ in range(4)), arrived=70)
    late = [later(full, 5.0 * i) for i in range(4)]
    made = through(
        [*late, later(full, 20.0, replicas=6), later(full, 25.0, replicas=6)], settings, State(learned=TAUGHT)
    )
    assert [decision.replicas for decision in made] == [6, 6, 6, 6, 6, 6]
    assert [by for _, by in made[-1].state.changes] == [2]


def test_a_clock_that_was_ahead() -> None:
    """What it wrote down has not been: nothing is held until then."""
    seen = look(*(engine() for _ in range(4)))
    before = steady(later(seen, 86_400.0), Settings(), 600).state
    state = observe(seen, Settings(), replace(before, changes=((NOW + 86_400.0, 2),)))
    assert (state.since, state.busy, state.headroom.began) == (NOW, NOW, NOW)
    assert (state.downs, state.changes) == ((), ())
    assert [tick.at for tick in state.ticks.all] == [NOW]
