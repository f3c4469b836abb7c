"""The document that the router runs: the policy, planned as in a cluster whose models have the engines of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tidegate import names
from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.api.validate import check, ours
from tidegate.cli.local.endpoints import Endpoint
from tidegate.cli.local.tiers import Reachable, reachable
from tidegate.cli.manifests import Document
from tidegate.cli.render import EPOCH, PLACEHOLDER_UID, followed
from tidegate.contract.observation import Observation
from tidegate.contract.router_config import RouterConfig, load
from tidegate.errors import TidegateError
from tidegate.plan import conditions
from tidegate.plan.kube.reading import maps, text
from tidegate.plan.plan import Manifest
from tidegate.plan.router.caches import secrets as of_caches
from tidegate.plan.router.plan import plan_router
from tidegate.plan.world import Defaults, RouterWorld

REVISION: Final = "local"
LINES: Final = Observation(log_lines=100.0, records=100.0)


@dataclass(frozen=True)
class Local:
    """What the router is told."""

    config: RouterConfig
    services: dict[str, str]
    """The Service that the engines of a backend stand behind, by backend."""
    secrets: tuple[str, ...]
    """Those that the policy names."""
    warnings: tuple[str, ...]


def policy_of(documents: Sequence[Document]) -> Manifest:
    """The one RoutingPolicy among the files, as it would be in a cluster. Raises TidegateError."""
    found = [d for d in documents if ours(d.manifest) and d.manifest.get("kind") == names.ROUTING_POLICY]
    if len(found) != 1:
        raise TidegateError(f"there are {len(found)} RoutingPolicies in these files; name files with one")
    if problems := check(found[0].manifest):
        raise TidegateError(found[0].says(*problems[0]))
    manifest: Manifest = found[0].manifest
    added = {"namespace": "default", "uid": PLACEHOLDER_UID, "resourceVersion": "1", "generation": 1}
    return {**manifest, "metadata": {**added, **manifest["metadata"]}}


def tiers_of(documents: Sequence[Document]) -> list[Manifest]:
    """The CacheTiers among the files."""
    return [d.manifest for d in documents if ours(d.manifest) and d.manifest.get("kind") == names.CACHE_TIER]


def local(policy: Manifest, endpoints: Sequence[Endpoint], defaults: Defaults, tiers: Sequence[Manifest] = ()) -> Local:
    """The plan's document, with every request told of; `tiers` are the CacheTiers of the files. Raises TidegateError for an endpoint of no
    backend."""
    named = {text(b, "name"): text(b.get("modelDeploymentRef"), "name") for b in maps(policy["spec"], "backends")}
    refs = {backend: model for backend, model in named.items() if model}
    if unknown := sorted({endpoint.backend for endpoint in endpoints} - refs.keys()):
        there = f"there are {', '.join(refs)}" if refs else "all of its backends are external"
        raise TidegateError(f"--endpoint {unknown[0]}: the policy has no such backend; {there}")
    models = {refs[e.backend]: _model(refs[e.backend], _of(endpoints, e.backend)) for e in endpoints}
    here = reachable(tiers, text(policy["metadata"], "namespace"))
    world = RouterWorld(policy, defaults, models=models, tiers=here.tiers)
    plan = followed(lambda children: plan_router(replace(world, children=children), EPOCH))
    written = next(m["data"][names.ROUTER_CONFIG_KEY] for m in plan.apply if m["kind"] == "ConfigMap")
    config = load(written).model_copy(update={"observation": LINES})
    services = {backend: names.engines_service(model, REVISION, "Deployment") for backend, model in refs.items()}
    told = load(config.model_dump_json(by_alias=True, exclude_none=True))
    warnings = (*_warnings(refs, endpoints), *_alone(policy, here), *(() if here.warnings else _uncached(plan.status)))
    return Local(told, services, _secrets(policy, config), warnings)


def _secrets(policy: Manifest, config: RouterConfig) -> tuple[str, ...]:
    """Those that a router in a cluster would be let read."""
    counted = config.limits.store.secrets if config.limits and config.limits.store else ()
    return tuple(
        dict.fromkeys((*RoutingPolicy.model_validate(policy).spec.secrets, *counted, *of_caches(config.caches or ())))
    )


def _of(endpoints: Sequence[Endpoint], backend: str) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints if endpoint.backend == backend]


def _model(name: str, engines: Sequence[Endpoint]) -> dict[str, Any]:
    """A ModelDeployment that says what its engines say of themselves; one of which none answers is called by its own name."""
    listed = next((engine.models for engine in engines if engine.models), (name,))
    revision = {
        "name": REVISION,
        "role": "Active",
        "traffic": 100,
        "readyReplicas": len(engines),
        "servedNames": [listed[0]],
        "adapters": list(listed),
    }
    return {"kind": names.MODEL_DEPLOYMENT, "metadata": {"name": name}, "spec": {}, "status": {"revisions": [revision]}}


def _alone(policy: Manifest, here: Reachable) -> list[str]:
    """What a store would be for, where there is none."""
    ref = text(policy["spec"].get("storeRef"), "name")
    counted = [f"storeRef {ref}: there is no store of that name without a cluster; limits are counted here"]
    return [*(counted if ref and ref not in here.stores else []), *here.warnings]


def _uncached(status: Manifest) -> list[str]:
    """Why answers are not given again."""
    found = next((c for c in maps(status, "conditions") if text(c, "type") == conditions.RESPONSE_CACHE), {})
    return [f"cache: {text(found, 'message')}"] if text(found, "status") == "False" else []


def _warnings(refs: dict[str, str], endpoints: Sequence[Endpoint]) -> tuple[str, ...]:
    known = {endpoint.backend for endpoint in endpoints}
    absent = [
        f"backend {name} has no engine; write --endpoint {name}=http://HOST:PORT" for name in refs if name not in known
    ]
    silent = [
        f"{e.url} ({e.backend}) does not list its models yet; it is called {refs[e.backend]}"
        for e in endpoints
        if not e.models
    ]
    return (*absent, *silent)
