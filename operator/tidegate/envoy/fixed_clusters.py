"""Whom the router itself asks and tells. What the listener names must stand in the bootstrap: Envoy refuses a listener that names
what comes later.

name        who                                      what
---------   --------------------------------------   ---------------------------------------------
brain       the brain's decision server              HTTP/1.1 on a Unix socket
hold        the same, for requests that wait         the same
cache       the same, for answers that are kept      the same
cached      the brain's server of these answers      the same
records     the brain's ear for records              fluentd's protocol on a Unix socket
answers     the brain's ear for answers to keep      the same
collector   where traces go, if anybody asked        OTLP over HTTP
"""

from __future__ import annotations

from typing import Final

from tidegate.envoy import caching, decide, hold, observe
from tidegate.envoy.breaking import left_alone_when_silent
from tidegate.envoy.start import Collector, Start
from tidegate.envoy.types import Resource, duration

DEAF: Final = 1.0
"""Seconds for which a brain may read nothing while a whole buffer of records waits."""


def clusters(start: Start) -> list[Resource]:
    """All of them."""
    brain = _cluster(decide.BRAIN, "STATIC", _socket(start, decide.SOCKET))
    records = _cluster(observe.RECORDS, "STATIC", _socket(start, observe.SOCKET))
    records |= _forgotten_when_deaf(observe.RECORDS_BUFFER)
    waiting = _cluster(hold.BRAIN, "STATIC", _socket(start, decide.SOCKET), most=100_000)
    return [brain, waiting, records, *_of_the_cache(start), *([_collector(start.collector)] if start.collector else [])]


def _socket(start: Start, file: str) -> Resource:
    return {"pipe": {"path": f"{start.run_dir}/{file}"}}


def _of_the_cache(start: Start) -> list[Resource]:
    asked = _cluster(caching.BRAIN, "STATIC", _socket(start, decide.SOCKET), most=100_000)
    cached = _cluster(caching.CACHED, "STATIC", _socket(start, caching.CACHED_SOCKET), most=100_000)
    answers = _cluster(caching.ANSWERS, "STATIC", _socket(start, caching.ANSWERS_SOCKET))
    asked |= left_alone_when_silent()
    return [asked, cached, answers | _forgotten_when_deaf(caching.ANSWERS_BUFFER)]


def _forgotten_when_deaf(buffer: int) -> Resource:
    """Envoy's logger writes on and on to who reads nothing: the connection ends, and what waited in it is lost."""
    return {
        "per_connection_buffer_limit_bytes": buffer,
        "per_connection_buffer_high_watermark_timeout": duration(DEAF),
    }


def _collector(to: Collector) -> Resource:
    """Envoy does not wait for its address, which whoever answers names may not know: it would not even answer probes until then."""
    address = {"socket_address": {"address": to.host, "port_value": to.port}}
    return _cluster(observe.COLLECTOR, "STRICT_DNS", address) | {"wait_for_warm_on_init": False}


def _cluster(name: str, kind: str, address: Resource, most: int = 1024) -> Resource:
    """Requests are not refused here, however many wait; `most` are asked at a time."""
    hosts = [{"endpoint": {"address": address}}]
    limits = {"max_connections": most, "max_pending_requests": 100_000, "max_requests": 100_000, "max_retries": most}
    return {
        "name": name,
        "type": kind,
        "connect_timeout": duration(1),
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": hosts}]},
    }
