"""One try of one engine: what is done to the request on its way there, which ends are tried again, and how often.

Each attempt begins with the headers that the one before it left, and with the body as the client sent it.
"""

from __future__ import annotations

from typing import Final

from tidegate.contract.destinations import Destination
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import FixedAnswer
from tidegate.envoy import native, providers
from tidegate.envoy.lua import answer, rewrite_model
from tidegate.envoy.providers import Credentials
from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource, duration, extension
from tidegate.names import DRAINING_HEADER, LONGER_HEADER, REFUSED_HEADER

PICKS: Final = 20
"""How often a retry picks again when the pick was asked before. Least request likes engines that have just lost all their
requests: with half of them on a lost machine three picks of four are such an engine."""
LONGEST_WISH: Final = 5.0
"""Seconds of a `retry-after` that a retry waits for; one that wants more is tried again as others are."""
RETRY_ON: Final = {"ConnectFailure": ("connect-failure", "refused-stream"), "Reset": ("reset",)}


def filters(destination: Destination, start: Start, credentials: Credentials) -> list[Resource]:
    """Between the choice of an engine and the wire."""
    provider, engine = destination.provider, destination.engine
    if provider and start.module and credentials.reach(destination.name):
        shown = [providers.injector(destination, provider.key, start)] if provider.key else []
        return [native.engine(start.module, provider.model, *providers.lines(destination, provider)), *shown, _codec()]
    model = engine.model if engine else destination.name
    return [native.engine(start.module, model) if start.module else rewrite_model(model), _codec()]


def _marks(walk: int, *, longer: bool) -> list[str]:
    return [DRAINING_HEADER, *([REFUSED_HEADER] if walk > 1 else []), *([LONGER_HEADER] if longer else [])]


def answering(fixed: FixedAnswer) -> list[Resource]:
    """In place of an engine."""
    return [answer(fixed.status, fixed.message), _codec()]


def _codec() -> Resource:
    return extension(
        "envoy.filters.http.upstream_codec", "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"
    )


def retry_policy(
    config: RouterConfig, walk: int = 1, *, onward: bool = False, longer: bool = False, last: bool = False
) -> Resource:
    """Another engine each time. The answer of one that is shutting down is tried again even when attempts are 0:
    the client would see an error for nothing but our own roll-out. `walk` is the number of groups that are asked one after the other;
    `onward`: they go on to others than the route's own targets, who need not be waited for, and `longer`: also
    where one says that the context is too long for it. A provider that does not take our key is left for the next one, where there is one.
    `last`: after the first of the groups, which is no engine, there is one attempt, so that whatever becomes of the first may be tried again."""
    retry = config.retry
    conditions = ["retriable-headers"]
    tried = bool(retry.attempts) or onward
    if tried:
        conditions += [name for reason in retry.reasons for name in RETRY_ON[reason]]
        conditions += ["retriable-status-codes"] if retry.codes else []
    if last:
        conditions = [*conditions, *(name for names in RETRY_ON.values() for name in names if name not in conditions)]
    policy: Resource = {
        "retry_on": ",".join(conditions),
        "num_retries": walk - 1 if walk > 1 else max(retry.attempts, 1),
        **({"per_try_timeout": duration(config.timeouts.attempt_seconds)} if config.timeouts.attempt_seconds else {}),
        **({"refresh_cluster_on_retry": True} if walk > 1 else {}),
        "retriable_headers": [{"name": name, "present_match": True} for name in _marks(walk, longer=longer)],
        "retry_host_predicate": [
            extension(
                "envoy.retry_host_predicates.previous_hosts",
                "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            )
        ],
        "host_selection_retry_max_attempts": PICKS,
        "retry_back_off": {
            "base_interval": duration(retry.backoff_seconds),
            "max_interval": duration(retry.backoff_seconds * 10),
        },
    }
    if tried and retry.codes:
        policy["retriable_status_codes"] = list(retry.codes)
    if tried and not onward:
        asked = [{"name": "retry-after", "format": "SECONDS"}]
        policy["rate_limited_retry_back_off"] = {"reset_headers": asked, "max_interval": duration(LONGEST_WISH)}
    return policy
