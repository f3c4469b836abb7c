"""A few talks through real routers, and the costs of a moment."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.affinity import cost, run
from benchmarks.affinity.routers import BASE, OURS, ROUTERS, Router
from benchmarks.affinity.talks import Talk, Workload, turns
from benchmarks.rivals import Missing
from benchmarks.router.workloads import QUESTIONS
from tidegate.brain.native import built

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(not built(), reason="no native filters: make native, where cargo is"),
]


def _missing(*_: object) -> list[str]:
    raise Missing("not to be had")


def _few(dice: Random) -> list[Talk]:
    return [Talk(n * 0.1, one.session, one.opening, one.questions[:2], (0.1,)) for n, one in enumerate(turns(dice)[:8])]


def test_a_talk_stays_with_the_engine_that_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "WORKLOADS", {"few": Workload("a few talks", _few)})
    wanted = {name: ROUTERS[name] for name in (BASE, OURS)} | {"other": Router("other", "somebody else's", _missing)}
    results = run.run(1, ["few"], wanted)
    assert results.left_out == {"other": "not to be had"}
    assert [one.requests for pair in results.pairs() for one in results.of(*pair)] == [16, 16]
    assert not any(results.failed(*pair) for pair in results.pairs())
    [ours] = results.of("few", OURS)
    assert ours.hit_rate > 0.3


def test_costs() -> None:
    found = cost.costs(1, 0)
    assert [one.body for one in found] == [workload.title for workload in QUESTIONS.values()]
    assert all(one.base.median > 10 and one.ours.median > 10 for one in found)
