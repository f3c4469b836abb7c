"""What there is to say of Secrets, which the operator never reads: routers tell which of them let nobody in, and which of them keep a
provider from being asked.

spec.auth    routers                                  then everybody is
----------   --------------------------------------   ----------------------------------------------------
anonymous    any                                      let in
another      are too old to know clients              answered 503: they are told routes that nobody answers
another      have no native filters, or say so        answered 503, by themselves
apiKeys      others                                   let in who shows a key of one of the Secrets
jwt          others                                   let in who shows a token of the issuer
"""

from __future__ import annotations

from tidegate.plan import conditions
from tidegate.plan.router.decision import RouterDecision
from tidegate.plan.router.facts import RouterFacts
from tidegate.plan.router.filters import missing


def nobody_is_let_in(facts: RouterFacts, decision: RouterDecision) -> tuple[str, str] | None:
    """The second and third row: a reason, and what to do."""
    if not decision.policy.spec.auth.clients:
        return None
    if decision.closed:
        return conditions.ROUTERS_OUTDATED, decision.held
    return missing(facts, decision.data)


def problems(facts: RouterFacts, decision: RouterDecision) -> tuple[str, ...]:
    """Sentences of the routers about Secrets and entries that let nobody in, or for which a provider gets no request, each once."""
    keys = decision.policy.spec.auth.clients
    said = ((*(report.keys if keys else ()), *report.providers) for report in facts.reports.values())
    return tuple(dict.fromkeys(sentence for sentences in said for sentence in sentences))
