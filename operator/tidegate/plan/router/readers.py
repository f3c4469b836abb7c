"""What routers of an earlier operator read past: nothing that would let anybody in, so they are told all the same, and people what it
costs them."""

from __future__ import annotations

from typing import Final

from tidegate.api.routingpolicy import RoutingPolicySpec
from tidegate.api.values import seconds
from tidegate.plan.router.decision import RouterDecision
from tidegate.plan.router.facts import RouterFacts

KNOWS_CHAINS: Final = 4
"""The first reader that knows providers, fallbacks, circuit breakers and the time of an attempt."""


def read_past(facts: RouterFacts, decision: RouterDecision) -> tuple[str, ...]:
    """A sentence, where there is something."""
    fields = _newer(decision.policy.spec)
    if facts.reads >= KNOWS_CHAINS or not fields:
        return ()
    return (
        f"the routers are those of an earlier operator and ignore {', '.join(fields)}: change spec.router, of which an annotation in "
        "podMetadata is enough, to get newer ones",
    )


def _newer(spec: RoutingPolicySpec) -> list[str]:
    used = {
        "backends[].external": any(backend.external for backend in spec.backends),
        "routes[].fallback": any(route.fallback for route in spec.routes),
        "circuitBreaker": spec.circuit_breaker is not None,
        "timeouts.attempt": seconds(spec.timeouts.attempt) > 0,
    }
    return [field for field, is_used in used.items() if is_used]
