"""The RouterConfig of a policy: the document that its routers run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from tidegate.api.auth import Auth, Jwt
from tidegate.api.balancing import HASHED, LoadBalancing
from tidegate.api.breaking import CircuitBreaker as Breaker
from tidegate.api.routingpolicy import Observability, RoutingPolicy
from tidegate.api.values import fraction, seconds
from tidegate.contract.affinity import Affinity
from tidegate.contract.breaking import CircuitBreaker
from tidegate.contract.browsers import Cors
from tidegate.contract.clients import ApiKeys, Tokens
from tidegate.contract.destinations import SecretEntry
from tidegate.contract.limits import Limits
from tidegate.contract.observation import Observation
from tidegate.contract.patience import Retry, Timeouts
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.streams import Streams
from tidegate.plan.router.traffic import Traffic

KNOWS_TOKENS: Final = 4
KNOWS_KEYS: Final = 3
"""The first readers that do; an earlier one would let everybody in."""
KNOWS_LIMITS: Final = 5
"""The same of limits; an earlier one would count nothing."""
KNOWS_PROXIES: Final = 6
"""The same of egress proxies; an earlier one would go past them."""

PLAIN: Final[Mapping[str, Literal["LeastRequest", "RoundRobin", "Random"]]] = {
    "LeastRequest": "LeastRequest",
    "RoundRobin": "RoundRobin",
    "Random": "Random",
}
"""What every reader knows."""


def document(policy: RoutingPolicy, traffic: Traffic, limits: Limits | None = None) -> RouterConfig:
    """Routes and destinations, and how they are tried."""
    spec = policy.spec
    return RouterConfig(
        min_reader=max(_least(spec.auth), KNOWS_LIMITS if limits else 1, _of_proxies(traffic)),
        namespace=policy.metadata.namespace,
        policy=policy.metadata.name,
        load_balancing=PLAIN.get(spec.load_balancing.algorithm, "LeastRequest"),
        affinity=_affinity(spec.load_balancing),
        engine_load=spec.load_balancing.algorithm == "EngineLoad" or None,
        destinations=traffic.destinations,
        routes=traffic.routes,
        retry=Retry(
            attempts=spec.retry.attempts,
            codes=tuple(spec.retry.codes),
            reasons=tuple(spec.retry.reasons),
            backoff_seconds=seconds(spec.retry.backoff),
        ),
        timeouts=Timeouts(
            request_seconds=seconds(spec.timeouts.request),
            idle_seconds=seconds(spec.timeouts.idle),
            attempt_seconds=seconds(spec.timeouts.attempt) or None,
            first_token_seconds=seconds(spec.timeouts.first_token),
        ),
        limits=limits,
        observation=_observation(spec.observability),
        circuit_breaker=_breaker(spec.circuit_breaker),
        streams=Streams(end_broken=spec.streams.end_broken),
        cors=Cors(allow_origins=tuple(spec.router.cors.allow_origins)) if spec.router.cors else None,
        api_keys=ApiKeys(secrets=spec.auth.keys) if spec.auth.api_keys else None,
        tokens=_tokens(spec.auth.jwt),
    )


def _least(auth: Auth) -> int:
    """The first reader that would not let in whoever asks."""
    return KNOWS_TOKENS if auth.jwt else KNOWS_KEYS if auth.api_keys else 1


def _of_proxies(traffic: Traffic) -> int:
    return KNOWS_PROXIES if any(d.provider and d.provider.proxy for d in traffic.destinations) else 1


def _tokens(wanted: Jwt | None) -> Tokens | None:
    if not wanted:
        return None
    authorities = wanted.jwks.ca_secret_ref
    return Tokens(
        issuer=wanted.issuer,
        audiences=tuple(wanted.audiences),
        client_claim=wanted.client_claim,
        jwks=wanted.jwks.inline or "",
        url=wanted.jwks.url or "",
        ca=SecretEntry(secret=authorities.name, entry=authorities.key) if authorities else None,
    )


def _affinity(wanted: LoadBalancing) -> Affinity | None:
    if wanted.algorithm not in HASHED:
        return None
    return Affinity(prefix=wanted.algorithm == "PrefixAffinity", headers=wanted.sessions, address=True)


def _breaker(wanted: Breaker | None) -> CircuitBreaker | None:
    if not wanted:
        return None
    return CircuitBreaker(consecutive_errors=wanted.consecutive_errors, eject_seconds=seconds(wanted.eject_for))


def closed(config: RouterConfig) -> RouterConfig:
    """The same for routers that do not know keys: the models are there, and nobody answers them."""
    routes = tuple(
        route.model_copy(update={"targets": (), "decision": None, "fallback": None, "cache": None})
        for route in config.routes
    )
    nobody = {"min_reader": 1, "api_keys": None, "tokens": None, "limits": None, "caches": None}
    return config.model_copy(update={**nobody, "routes": routes})


def _observation(wanted: Observability) -> Observation:
    log, traces = wanted.access_log, wanted.tracing
    return Observation(
        log_lines=float(fraction(log.sampling) * 100) if log else 0.0,
        records=100.0,  # every request is measured: gates count them
        traces=float(fraction(traces.sampling) * 100) if traces else 0.0,
        stream_tokens=wanted.stream_tokens,
    )
