"""Promise: a revision that does not meet its objectives loses its share by itself, and the old one answers everybody as before."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from e2e.harness import Load, Object, Place, Tally, policy
from e2e.rollouts import ERRORS, OBJECTIVES, Rollout, judged, needs_tokens

pytestmark = pytest.mark.cluster
VOTES = (
    'sum(rate(tidegate_tokens_total{namespace="$(namespace)",revision="$(revision)",type="completion"}[$(window)])) > 0'
)
HASTY = {"name": "ttft", "timeToFirstToken": {"percentile": "95", "max": "700ms"}}


def _taken_back(
    place: Place, bad: Object, first: Object, words: Callable[[str], bool], tokens: int = 20
) -> tuple[Tally, Rollout]:
    """A model serves under load, and a bad revision of it is applied; returns when it has gone."""
    place.prometheus()
    place.apply(first, policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    stable = rollout.active
    with Load(place.router()).running(streams=12, tokens=tokens, short=8) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(bad)
        status = rollout.comes_to("RolledBack")
        assert words(status["message"]), status["message"]
        place.wait(lambda: [r["name"] for r in _revisions(place)] == [stable], "it has left the status")
        # engines that are deleted still finish their streams
        pods = f"tidegate.dev/revision={status['revision']}"
        place.wait(lambda: not place.items("pods", pods), "its engines have left")
        before = Counter(tally.revisions)
        place.wait(lambda: tally.revisions[stable] > before[stable] + 50, "the old one answers")
        assert tally.revisions[status["revision"]] == before[status["revision"]]
    assert {kind for revision, kind in tally.outcomes if revision == stable} == {"ok"}
    stalled = place.condition("mdep/small", "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "RolledBack")
    assert place.condition("mdep/small", "Ready")["status"] == "True"
    return tally, rollout


def _revisions(place: Place) -> list[Any]:
    found: list[Any] = place.get("mdep/small")["status"]["revisions"]
    return found


def test_errors(place: Place) -> None:
    """Only those to whom the bad one answered saw errors, and they were few."""
    tally, rollout = _taken_back(
        place, judged(5, {"ERROR_RATE": 0.5}), judged(5), lambda said: said.startswith("errors failed: errors: ")
    )
    assert tally.cut == 0
    assert rollout.gate("errors")["outcome"] == "failed"
    assert rollout.status["windows"][-1]["traffic"] == 10


@pytest.mark.long
@needs_tokens
def test_first_tokens(place: Place) -> None:
    """Another count than errors, and the same way back."""
    tally, _ = _taken_back(
        place,
        judged(5, {"SLOW_FACTOR": 200}, [ERRORS, HASTY]),
        judged(5, objectives=[ERRORS, HASTY]),
        lambda said: said.startswith("ttft failed: slower than 700ms: "),
        tokens=2,
    )
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


@pytest.mark.long
@needs_tokens
def test_a_query(place: Place) -> None:
    """A person's own; that Prometheus is asked one is in canary_holds, what its answers come to in tests/plan/gates."""
    own = [*OBJECTIVES, {"name": "tokens", "query": {"promQL": VOTES, "max": "0.001"}}]
    _, rollout = _taken_back(place, judged(6, objectives=own), judged(5), lambda said: "is over 0.001" in said)
    assert rollout.gate("tokens")["failures"] == 1


@pytest.mark.long
def test_how_soon(place: Place) -> None:
    """From the first count in Prometheus that is enough to the last request: one look and a second, beside what has to be scraped."""
    prometheus = place.prometheus()
    place.apply(judged(5), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    with Load(place.router()).running(streams=2, tokens=20, short=8) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(judged(5, {"ERROR_RATE": 0.9}))
        place.wait(lambda: rollout.status.get("windows"), "it has a share")
        bad = f'sum(tidegate_requests_total{{namespace="{place.name}",revision="{rollout.status["revision"]}",outcome="error"}}) > 10'
        place.wait(lambda: prometheus.query(bad), "Prometheus has seen errors")
        seen = time.monotonic()
        rollout.comes_to("RolledBack")
        took = time.monotonic() - seen
    assert took < 30, "three intervals at least are needed to tell a burst from a fault"
