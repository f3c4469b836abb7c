"""`tidegate explain FILE... --model NAME`: which route a request takes, who may answer it, in which order, and what is tried again.

Offline and pure: it says what the policy means, not what runs. `kubectl tidegate` says that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.routingpolicy import Backend, Route, RoutingPolicy
from tidegate.api.validate import check, ours
from tidegate.api.values import seconds
from tidegate.cli.manifests import Document, Unreadable, read
from tidegate.errors import TidegateError
from tidegate.names import MODEL_DEPLOYMENT, ROUTING_POLICY

Models = Mapping[str, ModelDeployment]
"""ModelDeployments of the same files, by name."""


def explain(files: Sequence[str], model: str) -> int:
    """Prints an explanation for each policy that has the model; 1 when a manifest is wrong or no policy has it, 2 when a file cannot
    be read."""
    try:
        documents = [document for document in read(files) if ours(document.manifest)]
        print("\n".join(_said(documents, model)))
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    except TidegateError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _said(documents: Sequence[Document], model: str) -> Iterator[str]:
    for document in documents:
        if problems := check(document.manifest):
            raise TidegateError(document.says(*problems[0]))
    policies = [RoutingPolicy.model_validate(d.manifest) for d in documents if d.manifest["kind"] == ROUTING_POLICY]
    models = [ModelDeployment.model_validate(d.manifest) for d in documents if d.manifest["kind"] == MODEL_DEPLOYMENT]
    found = [(policy, route) for policy in policies for route in policy.spec.routes if model in route.models]
    if not found:
        there = sorted({name for policy in policies for route in policy.spec.routes for name in route.models})
        raise TidegateError(f"no route has the model {model}; there are {', '.join(there) or 'none'}")
    by_name = {each.metadata.name: each for each in models}
    for policy, route in found:
        yield from explained(policy, route, model, by_name)


def explained(policy: RoutingPolicy, route: Route, model: str, models: Models) -> Iterator[str]:
    """Of one route of a policy."""
    backends = {backend.name: backend for backend in policy.spec.backends}
    yield f"RoutingPolicy/{policy.metadata.name}: {model} takes route {route.name}"
    yield f"  asked by  {_who(policy)}"
    whole = sum(entry.share for entry in route.to.backends)
    for entry in route.to.backends:
        yield f"  first     {_line(backends[entry.name], entry.adapter, models, f'{100 * entry.share / whole:.4g}%')}"
    for later in route.fallback.backends if route.fallback else ():
        yield f"  then      {_line(backends[later.name], later.adapter, models)}"
    if route.fallback and route.fallback.response:
        yield f"  at last   {route.fallback.response.status} {route.fallback.response.message}"
    yield f"  cache     {f'CacheTier {route.cache.cache_tier_ref.name}' if route.cache else 'none'}"
    yield from _patience(policy, route)
    yield from _limits(policy, model)


def _limits(policy: RoutingPolicy, model: str) -> Iterator[str]:
    counted = {
        "Client": "each client",
        "Address": "each address",
        "Model": f"{model} as a whole",
        "Policy": "all together",
    }
    for limit in policy.spec.limits:
        what = "requests" if limit.requests else "tokens"
        more = f", {len(limit.overrides)} overrides" if limit.overrides else ""
        yield f"  limit     {limit.name:<16} {limit.amount} {what} in {limit.window} of {counted[limit.per]}{more}"
    if not policy.spec.limits:
        yield "  limit     none"


def _who(policy: RoutingPolicy) -> str:
    auth = policy.spec.auth
    if auth.api_keys:
        return f"clients with a key in {', '.join(f'Secret {ref.name}' for ref in auth.api_keys.secret_refs)}"
    return f"clients with a token of {auth.jwt.issuer}" if auth.jwt else "everybody who reaches the router"


def _line(backend: Backend, adapter: str | None, models: Models, share: str = "") -> str:
    return f"{backend.name:<16} {share:>6}  {_whom(backend, adapter, models)}".rstrip()


def _whom(backend: Backend, adapter: str | None, models: Models) -> str:
    if external := backend.external:
        key = external.api_key_secret_ref
        shown = f"with the key {key.key} of Secret {key.name}" if key else "without a key"
        through = f", through {external.proxy.url}" if external.proxy else ""
        alone = ", at /v1/messages alone" if external.protocol == "Anthropic" else ""
        return f"{external.base_url}, which calls it {external.model}, {shown}{alone}{through}"
    deployed = models.get(backend.model)
    called = adapter or (deployed.served_names()[0] if deployed else "")
    return f"ModelDeployment {backend.model}" + (f", whose engines call it {called}" if called else "")


def _patience(policy: RoutingPolicy, route: Route) -> Iterator[str]:
    spec = policy.spec
    retry, breaker = spec.retry, spec.circuit_breaker
    if retry.attempts or route.fallback:
        what = [
            *map(str, retry.codes),
            *({"ConnectFailure": "no connection", "Reset": "a reset"}[r] for r in retry.reasons),
        ]
        yield f"  again     the first ones {retry.attempts} times more, after {', '.join(what)}"
    times = {
        "request": spec.timeouts.request,
        "attempt": spec.timeouts.attempt,
        "firstToken": spec.timeouts.first_token,
    }
    said = ", ".join(f"{name} {value}" for name, value in times.items() if seconds(value))
    yield f"  time      {said or 'any'}"
    if breaker:
        yield f"  breaker   left alone for {breaker.eject_for} after {breaker.consecutive_errors} answers of 5xx in a row"
