"""status.configuration: which configuration the routers run, and where it, and those before it, send requests.

routers                             `backends`                    `older`
---------------------------------   ---------------------------   --------------------------------------------------
all run the newest                  of the newest                 empty
some do not, or do not say          of the newest                 what was there, and `backends` of the one before;
                                                                    `more`, once that is more than there is room for
some were not asked yet by this     as it was, while the configuration is the same
  operator

Models wait for it: a revision that stands in neither has been left (plan/model/facts.py), unless there is `more`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.api import bounds
from tidegate.plan.kube.reading import integer, maps, text
from tidegate.plan.plan import Manifest
from tidegate.plan.router.decision import RouterDecision
from tidegate.plan.router.facts import RouterFacts
from tidegate.plan.router.traffic import WHOLE

Backend = dict[str, Any]


def configuration(facts: RouterFacts, decision: RouterDecision) -> dict[str, Any]:
    """The whole block."""
    last = facts.last
    if facts.unasked and text(last, "hash") == decision.hash and "older" in last:
        return dict(last)
    live = facts.running(decision.hash)
    behind = sum(bool(report.config) and report.config != decision.hash for report in facts.reports.values())
    older = [] if facts.confirmed(decision.hash) else _older(last, decision)
    told = _within_bounds(older)
    return {
        "hash": decision.hash,
        "live": live,
        "behind": behind,
        "silent": len(facts.ready) - live - behind,
        "reads": facts.reads,
        "backends": _listed(last, "backends", decision) if decision.held else _newest(decision),
        "older": told,
        "more": (told != older or (bool(older) and last.get("more") is True)) or None,
    }


def _newest(decision: RouterDecision) -> list[Backend]:
    models = _models(decision)
    return [_backend(name, models.get(name, ""), sent) for name, sent in decision.traffic.sent_to.items()]


def _older(last: Manifest, decision: RouterDecision) -> list[Backend]:
    """What routers that do not run the newest may still send to. A status without `older` is an earlier operator's: its
    `backends` are those of the last configuration that every router ran."""
    before = _listed(last, "older", decision)
    if text(last, "hash") == decision.hash and "older" in last:
        return before
    return _merged([*_listed(last, "backends", decision), *before])


def _listed(last: Manifest, field: str, decision: RouterDecision) -> list[Backend]:
    """Backends of the last status; an earlier operator wrote one revision without a weight."""
    models, found = _models(decision), []
    for entry in maps(last, field):
        sent = {text(r, "name"): integer(r, "weight", WHOLE) for r in maps(entry, "revisions")}
        alone = text(entry, "revision")
        name = text(entry, "name")
        found.append(
            _backend(name, text(entry, "model") or models.get(name, ""), sent or ({alone: WHOLE} if alone else {}))
        )
    return found


def _merged(backends: Iterable[Backend]) -> list[Backend]:
    """One entry for each backend; the newest words first."""
    found: dict[str, Backend] = {}
    for backend in backends:
        known = found.setdefault(backend["name"], {**backend, "revisions": []})
        names = {revision["name"] for revision in known["revisions"]}
        known["revisions"] += [r for r in backend["revisions"] if r["name"] not in names]
    return list(found.values())


def _within_bounds(backends: Iterable[Backend]) -> list[Backend]:
    """As many of them, and of their revisions, as a status may hold: the newest."""
    kept = list(backends)[: bounds.BACKENDS]
    return [{**each, "revisions": each["revisions"][: bounds.SENT_REVISIONS]} for each in kept]


def _backend(name: str, model: str, sent: Mapping[str, int]) -> Backend:
    revisions = [{"name": revision, "weight": weight} for revision, weight in sent.items()]
    return {"name": name, "model": model, "revisions": revisions}


def _models(decision: RouterDecision) -> dict[str, str]:
    return {backend.name: backend.model for backend in decision.policy.spec.backends}
