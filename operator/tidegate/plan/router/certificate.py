"""The certificate that routers show. It is mounted from its Secret, as everywhere in Kubernetes: the operator never reads it, and routers
need no right for it.

the Secret                      then
-----------------------------   --------------------------------------------------------------------------
is there, and can be used       clients speak TLS
is not there when a Pod starts  the Pod waits, and its own trouble says for what
cannot be used, at the start    the Pod is not ready; ResolvedRefs is False, with what is wrong
cannot be used any more, or     the last good one is shown; ResolvedRefs is False, with what is wrong
  has run out
"""

from __future__ import annotations

from tidegate.api.routingpolicy import RoutingPolicy
from tidegate.plan.router.facts import RouterFacts


def problems(facts: RouterFacts, policy: RoutingPolicy) -> tuple[str, ...]:
    """Sentences of the routers about it, each once."""
    if not policy.spec.router.tls:
        return ()
    said = (report.certificate for report in facts.reports.values())
    name = policy.spec.router.tls.secret_ref.name
    return tuple(dict.fromkeys(f"Secret {name!r}: {sentence}" for sentence in said if sentence))
