"""The status of a CacheTier: does its store answer, and who is it? And who uses the tier?

store      Secret or key   server        then
--------   -------------   -----------   --------------------------------------------
none       -               -             Ready: each router has its own memory
existing   missing         -             Reconciling: SecretNotFound
existing   there           silent        Reconciling: StoreUnreachable, asked again
existing   there           answers       Ready
managed    lacks its key   any           Reconciling: SecretNotFound, with what to do
managed    there           starts        Reconciling, with the Pod's own words
managed    there           answers       Ready, while its Pod is
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tidegate import names
from tidegate.plan import conditions
from tidegate.plan.cache.users import policies
from tidegate.plan.conditions import Verdict
from tidegate.plan.kube.pods import complaints, ready, trouble
from tidegate.plan.kube.workloads import refused
from tidegate.plan.plan import Manifest, ObjectKey, Question
from tidegate.plan.samples import StoreCheck
from tidegate.plan.world import CacheWorld

OUTDATED = 120.0
"""Seconds for which an answer counts while the store cannot be asked again."""


def question(owner: Manifest) -> Question:
    """Asks the store of a tier who it is."""
    meta = owner["metadata"]
    return Question(ObjectKey.of(owner), f"{meta.get('uid', '')}/{meta.get('generation', 0)}")


def said(world: CacheWorld) -> StoreCheck:
    """What the store said last."""
    sample = world.samples.get(question(world.owner))
    if sample and isinstance(sample.value, StoreCheck) and sample.failing < OUTDATED:
        return sample.value
    return StoreCheck(error=sample.error if sample and sample.error else "it was not asked yet")


def answers(world: CacheWorld, *, managed: bool) -> bool:
    """Whether the store answered when it was asked last and, where it is ours, its Pod has not ended since."""
    return bool(said(world).server) and (not managed or any(ready(pod) for pod in world.pods))


def cache_status(
    world: CacheWorld, others: Sequence[dict[str, str]], *, managed: bool, now: datetime
) -> dict[str, Any]:
    """The whole status block; `others` are conditions of what is not the store."""
    check = said(world)
    found = [*conditions.standard(verdict(world, managed=managed)), _resolved(check, managed=managed), *others]
    known = {"address": check.address, "version": check.server, "evictionPolicy": check.eviction}
    return _status(world, known, found, now)


def storeless_status(
    world: CacheWorld, others: Sequence[dict[str, str]], verdict: Verdict, now: datetime
) -> dict[str, Any]:
    """The same of a tier without a store."""
    resolved = conditions.condition(conditions.RESOLVED_REFS, True, conditions.AS_SPECIFIED, "")
    return _status(world, {}, [*conditions.standard(verdict), resolved, *others], now)


def _status(world: CacheWorld, known: dict[str, str], found: list[dict[str, str]], now: datetime) -> dict[str, Any]:
    users = policies(world.owner["metadata"]["name"], world.policies)
    return {
        "observedGeneration": world.owner["metadata"].get("generation", 0),
        **known,
        **({"policies": users} if users else {}),
        "conditions": conditions.written(found, world.owner, now),
    }


def verdict(world: CacheWorld, *, managed: bool) -> Verdict:
    """The table above."""
    check = said(world)
    if check.missing and not managed:
        return conditions.progressing(conditions.SECRET_MISSING, check.missing)
    if answers(world, managed=managed):
        return conditions.done(f"{check.server} answers at {check.address}")
    if check.missing and secret(world) is not None:
        todo = "delete the Secret, so that a new one is made and the server takes the new password"
        return conditions.progressing(conditions.SECRET_MISSING, f"{check.missing.partition(';')[0]}; {todo}")
    if managed:
        reason, message = _trouble(world) or (conditions.STORE_STARTING, "the store starts")
        return conditions.progressing(reason, message)
    return conditions.progressing(conditions.STORE_UNREACHABLE, f"the store does not answer: {check.error}")


def secret(world: CacheWorld) -> Manifest | None:
    """The managed store's Secret, if it is there."""
    name = names.store(world.owner["metadata"]["name"])
    return next((c for c in world.children if c["kind"] == "Secret" and c["metadata"]["name"] == name), None)


def server(world: CacheWorld) -> Manifest | None:
    """The managed store's StatefulSet, if it is there."""
    return next((c for c in world.children if c["kind"] == "StatefulSet"), None)


def _trouble(world: CacheWorld) -> tuple[str, str] | None:
    found = trouble(world.pods, complaints(world.pods, world.samples))
    workload = server(world)
    return found or (refused(workload, world.samples) if workload and not world.pods else None)


def _resolved(check: StoreCheck, *, managed: bool) -> dict[str, str]:
    """Whether the Secrets that an existing store names are there."""
    if check.missing and not managed:
        return conditions.condition(conditions.RESOLVED_REFS, False, conditions.SECRET_MISSING, check.missing)
    return conditions.condition(conditions.RESOLVED_REFS, True, conditions.AS_SPECIFIED, "")
