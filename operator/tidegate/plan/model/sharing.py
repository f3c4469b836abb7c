"""Whether the CacheTier whose KV blocks a model shares is there: the Pods wait for its claim.

kvOffload.shared   the CacheTier   its kv    KVShared
----------------   -------------   -------   ----------------------------------------
absent             any             any       absent
there              absent          -         False: CacheTierNotFound
there              there           absent    False: CacheTierWithoutKV
there              there           there     True
"""

from __future__ import annotations

from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan import conditions
from tidegate.plan.kube.reading import part
from tidegate.plan.world import ModelWorld


def condition(world: ModelWorld, model: ModelDeployment) -> list[dict[str, str]]:
    """The table."""
    offload = model.spec.engine.kv_offload
    if offload is None or offload.shared is None:
        return []
    name = offload.shared.cache_tier_ref.name
    if world.tier is None:
        told = (
            conditions.TIER_MISSING,
            f"there is no CacheTier {name}; create it with spec.kv, or name another one in kvOffload.shared.cacheTierRef",
        )
    elif not part(world.tier.get("spec"), "kv"):
        told = (
            conditions.TIER_WITHOUT_KV,
            f"CacheTier {name} has no spec.kv; write kv: {{size: 500Gi}} there, or leave kvOffload.shared out",
        )
    else:
        return [conditions.condition(conditions.KV_SHARED, True, conditions.AS_SPECIFIED, "")]
    reason, message = told
    return [conditions.condition(conditions.KV_SHARED, False, reason, f"{message}: engines wait for its volume")]
