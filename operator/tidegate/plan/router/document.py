"""The RouterConfig of a policy: the document that its routers run."""

from __future__ import annotations

from typing import Final

from tidegate.api.routingpolicy import Observability, RoutingPolicy
from tidegate.api.values import fraction, seconds
from tidegate.contract.browsers import Cors
from tidegate.contract.clients import ApiKeys
from tidegate.contract.limits import Limits
from tidegate.contract.observation import Observation
from tidegate.contract.patience import Retry, Timeouts
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.streams import Streams
from tidegate.plan.router.traffic import Traffic

KNOWS_KEYS: Final = 3
"""The first reader that does; an earlier one would let everybody in."""
KNOWS_LIMITS: Final = 4
"""The same of limits; an earlier one would count nothing."""


def document(policy: RoutingPolicy, traffic: Traffic, limits: Limits | None = None) -> RouterConfig:
    """Routes and destinations, and how they are tried."""
    spec = policy.spec
    return RouterConfig(
        min_reader=KNOWS_LIMITS if limits else KNOWS_KEYS if spec.auth.api_keys else 1,
        namespace=policy.metadata.namespace,
        policy=policy.metadata.name,
        load_balancing=spec.load_balancing.algorithm,
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
            first_token_seconds=seconds(spec.timeouts.first_token),
        ),
        limits=limits,
        observation=_observation(spec.observability),
        streams=Streams(end_broken=spec.streams.end_broken),
        cors=Cors(allow_origins=tuple(spec.router.cors.allow_origins)) if spec.router.cors else None,
        api_keys=ApiKeys(secrets=spec.auth.secrets) if spec.auth.api_keys else None,
    )


def closed(config: RouterConfig) -> RouterConfig:
    """The same for routers that do not know keys: the models are there, and nobody answers them."""
    routes = tuple(route.model_copy(update={"targets": (), "decision": None}) for route in config.routes)
    return config.model_copy(update={"min_reader": 1, "api_keys": None, "limits": None, "routes": routes})


def _observation(wanted: Observability) -> Observation:
    log, traces = wanted.access_log, wanted.tracing
    return Observation(
        log_lines=float(fraction(log.sampling) * 100) if log else 0.0,
        records=100.0,  # every request is measured: gates count them
        traces=float(fraction(traces.sampling) * 100) if traces else 0.0,
        stream_tokens=wanted.stream_tokens,
    )
