"""plan_cache: from a CacheTier to its store and its status.

store      Secret or key   server        then
--------   -------------   -----------   --------------------------------------------
existing   missing         -             Reconciling: SecretNotFound
existing   there           silent        Reconciling: StoreUnreachable, asked again
existing   there           answers       Ready
managed    gone            any           a new Secret; the server stays, and takes the new password in the next pass
managed    lacks its key   any           Reconciling: SecretNotFound, with what to do
managed    there           starts        Reconciling, with the Pod's own words
managed    there           answers       Ready
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tidegate import names
from tidegate.api.cachetier import CacheTier, ManagedStore
from tidegate.plan import conditions
from tidegate.plan.cache import store as store_workload
from tidegate.plan.conditions import Verdict
from tidegate.plan.kube.pods import trouble
from tidegate.plan.plan import AT_ONCE, Manifest, Plan
from tidegate.plan.world import CacheWorld, StoreCheck

SILENT_CHECK = 5.0
ANSWERING_CHECK = 60.0


def plan_cache(world: CacheWorld, now: datetime) -> Plan:
    """The whole pass."""
    tier = CacheTier.model_validate(world.owner)
    managed = tier.spec.store.managed
    wanted = objects(world, managed) if managed else []
    answers = world.check is not None and bool(world.check.server)
    return Plan(
        status=_status(world, managed is not None, now),
        apply=tuple(wanted),
        next_check=_next_check(world, managed=managed is not None, answers=answers),
    )


def _next_check(world: CacheWorld, *, managed: bool, answers: bool) -> float:
    """At once after a new Secret: the server waits for its uid."""
    if managed and _secret(world) is None:
        return AT_ONCE
    return ANSWERING_CHECK if answers else SILENT_CHECK


def objects(world: CacheWorld, managed: ManagedStore) -> list[dict[str, Any]]:
    """Every child as it should be. The server follows when the Secret's uid is known; only a new Secret takes the password."""
    owner, secret = world.owner, _secret(world)
    made = [
        store_workload.secret(owner, world.new_password),
        store_workload.service(owner),
        store_workload.network_policy(owner),
    ]
    if secret is not None:
        uid, live = secret["metadata"]["uid"], _child(world, "StatefulSet")
        made.append(store_workload.stateful_set(owner, managed, world.defaults, uid, live))
    return made


def address(owner: Manifest) -> str:
    """Host and port of a managed store."""
    meta = owner["metadata"]
    return f"{names.store(meta['name'])}.{meta['namespace']}.svc:{names.STORE_PORT}"


def verdict(world: CacheWorld, *, managed: bool) -> Verdict:
    """The table above."""
    check = world.check or StoreCheck(error="it was not asked yet")
    if check.missing and not managed:
        return conditions.progressing(conditions.SECRET_MISSING, check.missing)
    if check.server:
        return conditions.done(f"{check.server} answers at {check.address}")
    if check.missing and _secret(world) is not None:
        todo = "delete the Secret, so that a new one is made and the server takes the new password"
        return conditions.progressing(conditions.SECRET_MISSING, f"{check.missing.partition(';')[0]}; {todo}")
    if managed:
        reason, message = trouble(world.pods) or (conditions.STORE_STARTING, "the store starts")
        return conditions.progressing(reason, message)
    return conditions.progressing(conditions.STORE_UNREACHABLE, f"the store does not answer: {check.error}")


def _secret(world: CacheWorld) -> Manifest | None:
    """The managed store's Secret, if it is there."""
    return _child(world, "Secret")


def _child(world: CacheWorld, kind: str) -> Manifest | None:
    """The managed store's object of this kind, if it is there."""
    name = names.store(world.owner["metadata"]["name"])
    return next((c for c in world.children if c["kind"] == kind and c["metadata"]["name"] == name), None)


def _status(world: CacheWorld, managed: bool, now: datetime) -> dict[str, Any]:
    old = world.owner.get("status", {})
    generation = world.owner["metadata"].get("generation", 0)
    check = world.check or StoreCheck()
    found = [*conditions.standard(verdict(world, managed=managed)), _resolved(check, managed=managed)]
    return {
        "observedGeneration": generation,
        "address": check.address,
        "version": check.server,
        "conditions": conditions.dated(found, old.get("conditions", []), generation, now.isoformat()),
    }


def _resolved(check: StoreCheck, *, managed: bool) -> dict[str, str]:
    """Whether the Secrets that an existing store names are there."""
    if check.missing and not managed:
        return conditions.condition(conditions.RESOLVED_REFS, False, conditions.SECRET_MISSING, check.missing)
    return conditions.condition(conditions.RESOLVED_REFS, True, conditions.AS_SPECIFIED, "")
