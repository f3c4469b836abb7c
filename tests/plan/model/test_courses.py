"""The steps of each strategy, and a rolling update from its first engine to its last."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan.model.test_gated import Judged, judged, tried
from tidegate.api.rollout import Rollout
from tidegate.plan.model.courses import course

Row = tuple[int, int, int | None]


def steps(rollout: dict[str, Any], replicas: int, routed: bool = True) -> list[Row]:
    """Share, new engines and old engines."""
    found = course(Rollout.model_validate(rollout), replicas, routed)
    return [(stage.share, stage.engines, stage.stable) for stage in found.stages]


def rolling(surge: int, unavailable: int) -> dict[str, Any]:
    return {"strategy": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


@pytest.mark.parametrize(
    ("rollout", "replicas", "wanted"),
    [
        ({}, 10, [(1, 1, None), (5, 1, None), (10, 1, None), (25, 3, None), (50, 5, None)]),
        ({"strategy": "BlueGreen"}, 3, [(0, 3, None), (100, 3, None)]),
        ({"strategy": "Recreate"}, 3, [(100, 3, 0)]),
        (rolling(0, 1), 4, [(33, 1, 3), (67, 2, 2), (100, 3, 1), (100, 4, 0)]),
        (rolling(1, 0), 2, [(50, 1, 2), (100, 2, 1)]),
        (rolling(1, 0), 1, [(100, 1, 1)]),
        (rolling(0, 1), 1, [(100, 1, 0)]),
        (rolling(2, 2), 3, [(100, 3, 2)]),
        (rolling(1, 1), 5, [(50, 2, 4), (80, 4, 2), (100, 5, 1)]),
    ],
)
def test_steps(rollout: dict[str, Any], replicas: int, wanted: list[Row]) -> None:
    assert steps(rollout, replicas) == wanted


def test_without_a_policy_a_blue_green_has_no_way_back() -> None:
    assert steps({"strategy": "BlueGreen"}, 3, routed=False) == [(0, 3, None)]


@given(st.integers(1, 40), st.integers(0, 5), st.integers(0, 5))
def test_a_rolling_update_keeps_its_bounds(replicas: int, surge: int, unavailable: int) -> None:
    if not surge + unavailable:
        return
    found = steps(rolling(surge, unavailable), replicas)
    before, ready = 0, 0
    for share, new, old in found:
        assert old is not None
        assert new + old <= replicas + surge
        assert old + ready >= replicas - unavailable
        assert before <= share <= 100
        assert old or before == 100 or not ready, "nobody is sent to engines that have left"
        before, ready = share, new
    assert (found[-1][0], found[-1][1]) == (100, replicas)


def seen(made: Judged, minutes: float) -> list[tuple[int, int, int]]:
    """New engines, old engines and the new ones' share, as they change."""
    found: list[tuple[int, int, int]] = []
    for _ in range(round(minutes * 2)):
        made.look()
        there = made.replicas()
        sent = [r for r in made.owner["status"]["revisions"] if r["traffic"]]
        assert all(revision["replicas"] for revision in sent), "who gets requests has engines"
        at = (there.get("Candidate", 0), there.get("Active", 0), made.traffic().get("Candidate", 0))
        found += [at] if [at] != found[-1:] else []
        made.wait("30s")
    return found


def test_one_engine_at_a_time_without_a_gpu_more() -> None:
    made = judged([], strategy="RollingUpdate", canary=None, rollingUpdate={"maxSurge": 0, "maxUnavailable": 1})
    walked = seen(made, 6)
    assert made.rollout["phase"] == "Promoted"
    assert made.replicas() == {"Active": 4}
    assert all(new + old <= 4 for new, old, _ in walked)
    assert [share for _, _, share in walked if share] == sorted(share for _, _, share in walked if share)


def test_it_is_judged_at_every_step() -> None:
    made = judged(strategy="RollingUpdate", canary={"warmUp": "0s"}, rollingUpdate={"maxSurge": 1})
    made.prometheus.bad[tried(made)] = 0.5
    seen(made, 6)
    assert made.rollout["phase"] == "RolledBack"
    assert made.replicas()["Active"] == 4, "the old one has all of its engines again"


def test_engines_that_never_answer_give_the_old_ones_back_theirs() -> None:
    """The old revision gave one up for them: nobody should have to notice at night."""
    made = judged([], strategy="RollingUpdate", canary=None, rollingUpdate={"maxSurge": 0, "maxUnavailable": 1})
    made.run()
    assert made.replicas() == {"Active": 3, "Candidate": 1}
    made.ready("Active", 3)
    made.wait("20m")
    made.run()
    assert made.rollout["phase"] == "Starting"
    made.wait("12m")
    made.run()
    assert (made.rollout["phase"], made.replicas()["Active"]) == ("RolledBack", 4)
    assert made.rollout["message"].startswith("its engines did not all answer in time")


def test_recreate() -> None:
    made = judged([], strategy="Recreate", canary=None)
    made.run()
    assert made.replicas() == {"Active": 0, "Candidate": 4}
    made.ready("Active", 0)
    made.run()
    assert made.says("Ready")[0] == "False"
    made.ready("Candidate", 4)
    made.go_on()
    made.go_on()
    assert made.rollout["phase"] == "Promoted"
    assert made.replicas() == {"Active": 4}


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 4), st.integers(0, 1), st.lists(st.integers(0, 23), max_size=3))
def test_killed_at_any_moment(replicas: int, surge: int, kills: list[int]) -> None:
    made = judged([], strategy="RollingUpdate", canary=None, rollingUpdate={"maxSurge": surge, "maxUnavailable": 1})
    made.edit({"replicas": replicas})
    for i in range(24):
        made.look()
        if i in kills:
            made.forget()
        assert replicas == 1 or all(r["replicas"] for r in made.owner["status"]["revisions"] if r["traffic"])
        made.wait("30s")
    assert made.rollout["phase"] == "Promoted"
    assert made.replicas() == {"Active": replicas}


def test_who_takes_over_keeps_its_engines() -> None:
    """The old one has given up all of its own when the new one becomes Active: what it gave up is not the new one's to give."""
    made = judged([], strategy="RollingUpdate", canary=None, rollingUpdate={"maxSurge": 0, "maxUnavailable": 1})
    while made.rollout["step"] < 3:
        made.look()
        made.wait("30s")
    made.ready("Active", 0)
    for _ in range(3):
        made.run()
        made.routers_follow()
        counts = {r["name"]: r["replicas"] for r in made.owner["status"]["revisions"] if r["role"] != "Retiring"}
        assert counts[tried(made)] == 4
