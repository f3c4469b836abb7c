"""One try of one engine: what is done to the request on its way there, which ends are tried again, and how often.

Each attempt begins with the headers that the one before it left, and with the body as the client sent it.
"""

from __future__ import annotations

from typing import Final

from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import native
from tidegate.envoy.lua import rewrite_model
from tidegate.envoy.types import Resource, duration, extension
from tidegate.names import DRAINING_HEADER

PICKS: Final = 20
"""How often a retry picks again when the pick was asked before. Least request likes engines that have just lost all their
requests: with half of them on a lost machine three picks of four are such an engine."""
RETRY_ON: Final = {"ConnectFailure": ("connect-failure", "refused-stream"), "Reset": ("reset",)}


def filters(model: str, module: str) -> list[Resource]:
    """Between the choice of an engine and the wire; `model` is what its engines call it, `module` the native filters' name, if any."""
    codec = "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"
    return [
        native.engine(module, model) if module else rewrite_model(model),
        extension("envoy.filters.http.upstream_codec", codec),
    ]


def retry_policy(config: RouterConfig) -> Resource:
    """Another engine each time. The answer of one that is shutting down is tried again even when attempts are 0:
    the client would see an error for nothing but our own roll-out."""
    retry = config.retry
    conditions = ["retriable-headers"]
    if retry.attempts:
        conditions += [name for reason in retry.reasons for name in RETRY_ON[reason]]
        conditions += ["retriable-status-codes"] if retry.codes else []
    policy: Resource = {
        "retry_on": ",".join(conditions),
        "num_retries": max(retry.attempts, 1),
        "retriable_headers": [{"name": DRAINING_HEADER, "present_match": True}],
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
    if retry.attempts and retry.codes:
        policy["retriable_status_codes"] = list(retry.codes)
    return policy
