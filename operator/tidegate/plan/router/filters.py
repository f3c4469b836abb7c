"""Whether the routers have their native filters (native/), and what it costs where they have not.

the Pods' template              routers                     then
-----------------------------   -------------------------   -------------------------------------------------------
Envoy is of another version     any                         False: an image of the tested version is needed
an earlier operator's, of the   any                         False: adopted with the next change of spec.router
  tested version, without them
asks for them                   one says it has none        False: its image was built without them
asks for them                   all have them, or do not    True
                                  say
"""

from __future__ import annotations

from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.api.values import seconds
from tidegate.names import BRAIN_CONTAINER, ENVOY_CONTAINER
from tidegate.plan import conditions
from tidegate.plan.containers import NATIVE, NATIVE_ENVOY, TESTED_ENVOY
from tidegate.plan.kube.reading import maps, text, texts
from tidegate.plan.plan import Manifest
from tidegate.plan.router.decision import RouterDecision
from tidegate.plan.router.facts import RouterFacts

COSTS = (
    "without them Lua finds models; an engine that breaks off before its first token is not left for another one, streams that break "
    "off later are torn, and tokens are not counted"
)


def native_filters(facts: RouterFacts, decision: RouterDecision) -> dict[str, str]:
    """The condition."""
    if why := missing(facts, decision.data):
        reason, words = why
        message = "; ".join((words, COSTS, *_ignored(decision.policy)))
        return conditions.condition(conditions.NATIVE_FILTERS, False, reason, message)
    return conditions.condition(conditions.NATIVE_FILTERS, True, conditions.AS_SPECIFIED, "")


def missing(facts: RouterFacts, data: Manifest) -> tuple[str, str] | None:
    """The first three rows: a reason, and what to do."""
    image = text(_container(data, "containers", ENVOY_CONTAINER), "image")
    if not NATIVE_ENVOY.search(image):
        return conditions.ENVOY_UNTESTED, (
            f"the image of Envoy is {image}, and the native filters are tested with {TESTED_ENVOY}: install the operator with an image of "
            "that version, whose tag says so"
        )
    if NATIVE not in texts(_container(data, "initContainers", BRAIN_CONTAINER), "args"):
        return conditions.NEXT_REVISION, (
            "the routers' Pods are those of an earlier operator: they get the native filters with the next change of spec.router"
        )
    without = sorted(pod for pod, report in facts.reports.items() if report.native is False)
    if without:
        return conditions.FILTERS_MISSING, (
            f"router {without[0]} has none: the operator's image was built without Rust; build it with, or use ours"
        )
    return None


def _container(data: Manifest, kind: str, name: str) -> Manifest:
    spec = (data.get("template") or {}).get("spec") or {}
    return next((dict(c) for c in maps(spec, kind) if text(c, "name") == name), {})


def _ignored(policy: RoutingPolicy) -> list[str]:
    """What the spec asks for in vain."""
    spec = policy.spec
    return [
        *(["spec.timeouts.firstToken is not honoured"] if seconds(spec.timeouts.first_token) else []),
        *(["spec.limits take a request for 1024 tokens"] if any(limit.tokens for limit in spec.limits) else []),
        *(["fallback.alsoOn is not honoured"] if any(r.fallback and r.fallback.also_on for r in spec.routes) else []),
        *(["external backends get no requests"] if any(backend.external for backend in spec.backends) else []),
        *(["everybody is answered 503, because Lua knows no clients"] if spec.auth.clients else []),
    ]
