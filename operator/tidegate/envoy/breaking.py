"""Whom a router leaves alone for a while: who cannot be reached, and, where the policy says so, who answers with errors; and a brain that
says nothing, where requests go on without it.

Afterwards he is asked again, as everybody else is. Who goes on as before is left alone again, for as long once more each time.
https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/upstream/outlier
"""

from __future__ import annotations

from typing import Final

from tidegate.contract.breaking import CircuitBreaker
from tidegate.envoy.types import Resource, duration

CONNECT_FAILURES: Final = 2
"""In a row, after which an engine is left alone for EJECTED seconds, and longer each time."""
EJECTED: Final = 5.0
LONGER: Final = 6
"""Times that."""
ALONE: Final = 90
"""Percent of a destination's engines that may be left alone at the same time where nobody else is asked: one always is."""
ALL: Final = 99
"""Percent where somebody else is asked afterwards: all but the one who stands there for nobody (clusters.py), and counts as one of them."""
HALF: Final = 49
"""Percent where there is that one, and nobody else is asked afterwards: of one engine none, of two or three one."""


def left_alone(breaker: CircuitBreaker | None, most: int) -> Resource:
    """Of one destination, of whose engines at `most` so many percent are. Without a breaker, what engines answer, errors too, is between
    them and the client."""
    seconds = breaker.eject_seconds if breaker else EJECTED
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": CONNECT_FAILURES,
        "enforcing_consecutive_local_origin_failure": 100,
        **({"consecutive_5xx": breaker.consecutive_errors} if breaker else {}),
        "enforcing_consecutive_5xx": 100 if breaker else 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": duration(seconds),
        "max_ejection_time": duration(seconds * LONGER),
        "max_ejection_time_jitter": "1s",
        "max_ejection_percent": most,
    }


SILENT: Final = 3
"""Requests in a row for which a brain may say nothing in time; then requests go on without waiting for it."""


def left_alone_when_silent() -> Resource:
    """Of the one brain: while it is left alone Envoy knows at once that nobody answers. Not as above, where a request that reaches it, which every one does
    that a hung process never reads, ends the row; here a time-out counts as an answer of 504, and only a timely answer ends it."""
    return {
        "outlier_detection": {
            "consecutive_gateway_failure": SILENT,
            "enforcing_consecutive_gateway_failure": 100,
            "enforcing_consecutive_5xx": 0,
            "enforcing_success_rate": 0,
            "interval": "0.5s",
            "base_ejection_time": duration(EJECTED),
            "max_ejection_time": duration(EJECTED * LONGER),
            "max_ejection_percent": 100,
        },
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    }
