"""plan_cache: from a CacheTier to its store and its status. A managed store's Secret that is gone is made anew; the server
stays, and takes the new password in the next pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from tidegate import names
from tidegate.api.cachetier import CacheTier, ManagedStore
from tidegate.plan import conditions
from tidegate.plan.cache import kv, store
from tidegate.plan.cache.status import answers, cache_status, question, secret, server, storeless_status
from tidegate.plan.conditions import Verdict
from tidegate.plan.kube.pods import EVENTS_EVERY, about
from tidegate.plan.kube.workloads import about_pods_of
from tidegate.plan.plan import Manifest, Plan, Question
from tidegate.plan.world import CacheWorld

SILENT_EVERY = 5.0
"""Seconds between two questions to a store that does not answer."""
ANSWERING_EVERY = 60.0
"""Seconds between two questions to a store that does."""


def plan_cache(world: CacheWorld, now: datetime) -> Plan:
    """The whole pass: the store, and beside it the volume of KV blocks."""
    tier = CacheTier.model_validate({**world.owner, "status": None})
    blocks = tier.spec.kv
    told = [kv.condition(world)] if blocks else []
    planned = _of_store(kv.without_sweepers(world), tier, told, now)
    return replace(
        planned,
        apply=(*planned.apply, *(kv.objects(world, blocks) if blocks else ())),
        delete=() if blocks else kv.unwanted(world),
        ask={**planned.ask, **dict.fromkeys(about(kv.sweepers(world)), EVENTS_EVERY)},
    )


def _of_store(world: CacheWorld, tier: CacheTier, told: list[dict[str, str]], now: datetime) -> Plan:
    """`told` are conditions of what is not the store."""
    if not tier.spec.store:
        return Plan(status=storeless_status(world, told, _storeless(tier, told), now))
    managed = tier.spec.store.managed
    return Plan(
        status=cache_status(world, told, managed=managed is not None, now=now),
        apply=tuple(objects(world, managed) if managed else ()),
        ask=questions(world, answers=answers(world, managed=managed is not None)),
        again=managed is not None and secret(world) is None,
    )


def _storeless(tier: CacheTier, told: list[dict[str, str]]) -> Verdict:
    """Of a tier that has nothing but KV blocks, whether they are looked after."""
    if tier.spec.keeps:
        return conditions.done("it has no store: each router keeps answers in its own memory")
    waiting = next((one for one in told if one["status"] != "True"), None)
    if waiting:
        return conditions.progressing(waiting["reason"], waiting["message"])
    return conditions.done("it has no store: it keeps KV blocks")


def objects(world: CacheWorld, managed: ManagedStore) -> list[dict[str, Any]]:
    """Every child as it should be. The server follows when the Secret's uid is known; only a new Secret takes the password."""
    owner, known = world.owner, secret(world)
    made = [store.secret(owner, world.new_password), store.service(owner), store.network_policy(owner, world.defaults)]
    if known is not None:
        made.append(store.stateful_set(owner, managed, world.defaults, known["metadata"]["uid"], server(world)))
    return made


def questions(world: CacheWorld, *, answers: bool) -> dict[Question, float]:
    """The store, and the Events of its Pod, or of what should make one."""
    workload = server(world)
    pace = ANSWERING_EVERY if answers else SILENT_EVERY
    asked = about(world.pods)
    if workload and not world.pods and not answers:
        asked.append(about_pods_of(workload))
    return {question(world.owner): pace} | dict.fromkeys(asked, EVENTS_EVERY)


def address(owner: Manifest) -> str:
    """Host and port of a managed store."""
    return names.store_address(owner["metadata"]["name"], owner["metadata"]["namespace"])
