"""The only place where conditions are made. kstatus: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md

situation                        Ready   Reconciling  Stalled
------------------------------   -----   -----------  -------
everything is as it should be    True    False        False
on its way                       False   True         False
serves, and a change is on its   True    True         False
  way
only a person can help           False   False        True
serves, but the newest spec      True    False        True
  cannot be reached
suspended                        serves  False        False
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tidegate.plan.kube.reading import maps, text
from tidegate.plan.plan import Manifest

READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
SUSPENDED: Final = "Suspended"
RESOLVED_REFS: Final = "ResolvedRefs"
UPDATE_PENDING: Final = "UpdatePending"
NATIVE_FILTERS: Final = "NativeFilters"
LIMITS_SHARED: Final = "LimitsShared"
KV_READY: Final = "KVReady"
KV_SHARED: Final = "KVShared"
RESPONSE_CACHE: Final = "ResponseCache"

# reasons, one word each, for programs
SERVING: Final = "Serving"
AS_SPECIFIED: Final = "AsSpecified"
STARTING: Final = "EnginesStarting"
NO_CAPACITY: Final = "InsufficientCapacity"
SWITCHING: Final = "NewRevisionStarting"
RETIRING: Final = "OldRevisionDraining"
TRYING: Final = "RolloutProgressing"
PAUSED: Final = "RolloutPaused"
ROLLED_BACK: Final = "RolledBack"
GATE_UNANSWERED: Final = "GateUnanswered"
SCALED_TO_ZERO: Final = "ScaledToZero"
DEADLINE: Final = "ProgressDeadlineExceeded"
SUSPENDED_REASON: Final = "Suspended"
MISSING_KIND: Final = "LeaderWorkerSetMissing"
BACKEND_MISSING: Final = "BackendNotFound"
ROUTERS_STARTING: Final = "RoutersStarting"
CONFIG_PENDING: Final = "ConfigurationPending"
CONFIG_REFUSED: Final = "ConfigurationRefused"
ROUTERS_OUTDATED: Final = "RoutersOutdated"
ENVOY_UNTESTED: Final = "EnvoyUntested"
FILTERS_MISSING: Final = "FiltersMissing"
SECRET_MISSING: Final = "SecretNotFound"  # noqa: S105 - a reason, not a secret
PER_REPLICA: Final = "PerReplica"
STORE_MISSING: Final = "StoreNotFound"
STORE_EVICTS: Final = "StoreEvicts"
TIER_MISSING: Final = "CacheTierNotFound"
NOTHING_KEPT: Final = "NothingKept"
CLIENTS_UNKNOWN: Final = "ClientsUnknown"
JUDGE_UNFIT: Final = "JudgeUnfit"
LAYER_IDLE: Final = "LayerIdle"
FALSE_HITS: Final = "FalseHits"
KEYS_UNUSABLE: Final = "KeysUnusable"
CERTIFICATE_UNUSABLE: Final = "CertificateUnusable"
STORE_UNREACHABLE: Final = "StoreUnreachable"
STORE_STARTING: Final = "StoreStarting"
KV_STARTING: Final = "KVStarting"
TIER_WITHOUT_KV: Final = "CacheTierWithoutKV"
ENGINE_TOO_OLD: Final = "EngineTooOld"
NEXT_REVISION: Final = "AdoptedWithNextRevision"
NO_ENGINES: Final = "NoEngineAnswers"
STATUS_REFUSED: Final = "StatusRefused"
SCALING_ACTIVE: Final = "ScalingActive"
KEDA_MISSING: Final = "KedaMissing"
PROMETHEUS_MISSING: Final = "PrometheusMissing"
METRICS_NOT_SERVED: Final = "MetricsNotServed"
ENGINES_HANG: Final = "EnginesHang"
NO_PROGRESS: Final = "NoProgress"
METRICS_AVAILABLE: Final = "MetricsAvailable"
NOT_ASKED: Final = "NotAsked"
METRIC_MISSING: Final = "MetricMissing"
ENGINE_SILENT: Final = "EngineSilent"
PROMETHEUS_UNREACHABLE: Final = "PrometheusUnreachable"
QUERY_UNANSWERED: Final = "QueryUnanswered"
HANDING_OVER: Final = "HandingOver"
PROVIDER_DECIDES: Final = "ProviderDecides"
NOT_NAMED: Final = "NotNamedByModel"
POLICY_MISSING: Final = "PolicyNotFound"
SCALED_TWICE: Final = "ScaledTwice"
REPLICAS_APPLIED: Final = "ReplicasApplied"


ON_ITS_WAY: Final = frozenset(
    {
        SERVING,
        AS_SPECIFIED,
        STARTING,
        SWITCHING,
        RETIRING,
        TRYING,
        PAUSED,
        SCALED_TO_ZERO,
        SUSPENDED_REASON,
        ROUTERS_STARTING,
        CONFIG_PENDING,
        STORE_STARTING,
        KV_STARTING,
    }
)
"""Reasons of Ready that nobody has to be warned of."""


MOST_SENTENCES: Final = 5


@dataclass(frozen=True)
class Verdict:
    """What holds, and why: one row of the table above."""

    ready: bool
    reconciling: bool
    stalled: bool
    reason: str
    message: str


def done(message: str, reason: str = SERVING) -> Verdict:
    """Everything is as it should be."""
    return Verdict(True, False, False, reason, message)


def progressing(reason: str, message: str, *, serving: bool = False) -> Verdict:
    """On its way; `serving` says that requests are answered meanwhile."""
    return Verdict(serving, True, False, reason, message)


def stalled(reason: str, message: str, *, serving: bool = False) -> Verdict:
    """Only a person can help."""
    return Verdict(serving, False, True, reason, message)


def standard(verdict: Verdict) -> list[dict[str, str]]:
    """Ready, Reconciling and Stalled of a verdict, without times. Each quotes the reason that it is about."""
    return [
        condition(READY, verdict.ready, verdict.reason, verdict.message),
        _when(RECONCILING, verdict.reconciling, verdict),
        _when(STALLED, verdict.stalled, verdict),
    ]


def condition(kind: str, holds: bool | None, reason: str, message: str) -> dict[str, str]:
    """One condition, without times; None is Unknown."""
    status = "Unknown" if holds is None else str(holds)
    return {"type": kind, "status": status, "reason": reason, "message": message[:32768]}


def _when(kind: str, holds: bool, verdict: Verdict) -> dict[str, str]:
    return condition(kind, holds, verdict.reason if holds else AS_SPECIFIED, verdict.message if holds else "")


def dated(
    conditions: Iterable[dict[str, str]], old: Iterable[Manifest], generation: int, now: str
) -> list[dict[str, Any]]:
    """Adds observedGeneration, and lastTransitionTime: the old one while `status` stays what it was."""
    before = {c["type"]: c for c in old}
    return [
        c | {"observedGeneration": generation, "lastTransitionTime": _since(c, before.get(c["type"]), now)}
        for c in conditions
    ]


def _since(new: dict[str, str], old: Manifest | None, now: str) -> str:
    return (text(old, "lastTransitionTime") or now) if text(old, "status") == new["status"] else now


def known(owner: Manifest) -> list[Manifest]:
    """The conditions of an object's status, as far as they can be read."""
    return [c for c in maps(owner.get("status"), "conditions") if text(c, "type") and text(c, "status")]


def holds(owner: Manifest, kind: str) -> bool:
    """Whether a condition of an object's status is True."""
    return any(c["type"] == kind and c["status"] == "True" for c in known(owner))


def listed(sentences: Sequence[str]) -> str:
    """Sentences as one message: the first few, and how many more there are."""
    more = len(sentences) - MOST_SENTENCES
    return "; ".join(sentences[:MOST_SENTENCES]) + (f"; and {more} more" if more > 0 else "")


def update_pending(paths: Sequence[str], version: str, adopted_with: str) -> dict[str, str]:
    """Whether today's operator would render running Pods differently, in these paths."""
    if not paths:
        return condition(UPDATE_PENDING, False, AS_SPECIFIED, "")
    shown = ", ".join(paths[:3]) + (" and more" if len(paths) > 3 else "")
    message = f"operator {version} would change {shown}; adopted with the next change of {adopted_with}"
    return condition(UPDATE_PENDING, True, NEXT_REVISION, message)


def written(found: Iterable[dict[str, str]], owner: Manifest, now: datetime) -> list[dict[str, Any]]:
    """Conditions as they are written into the status of this object."""
    return dated(found, known(owner), owner["metadata"].get("generation", 0), now.isoformat())


def still_failing(owner: Manifest, status: Manifest, failures: Collection[str], now: datetime) -> Manifest:
    """The status to write before a plan is carried out. When carrying out the last one failed for one of these reasons, and
    the spec is the same, it stays Stalled until it succeeds: progress is not announced each time anew."""
    generation = owner["metadata"].get("generation", 0)
    for last in known(owner):
        failed = last["type"] == STALLED and last["status"] == "True" and text(last, "reason") in failures
        if failed and last.get("observedGeneration") == generation:
            return stalled_status(owner, status, last["reason"], text(last, "message"), now)
    return status


def stalled_status(owner: Manifest, status: Manifest, reason: str, message: str, now: datetime) -> dict[str, Any]:
    """`status` with Stalled and the reason; whether it serves is what `status` says."""
    verdict = stalled(reason, message, serving=holds({"status": status}, READY))
    current = {c["type"]: c for c in standard(verdict)}
    others = [c for c in status.get("conditions", []) if c["type"] not in current]
    conditions = [*written(current.values(), owner, now), *others]
    return {**status, "conditions": conditions, "observedGeneration": owner["metadata"].get("generation", 0)}
