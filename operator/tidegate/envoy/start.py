"""What is known when a router's Envoy is started, and stays for the life of its Pod: what the bootstrap and the listener are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tidegate.names import ANY_ADDRESS, PROBE_PORT, ROUTER_PORT

TCP_RTO_MAX_MS: Final = 44
"""A socket option of Linux 6.15 and later."""
OTLP_PORT: Final = 4318
OTLP_PATH: Final = "/v1/traces"


@dataclass(frozen=True)
class Collector:
    """Where traces go: OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp), without TLS."""

    host: str
    port: int
    path: str
    service_name: str
    """What the router is called there."""


def collector(url: str, service_name: str) -> Collector | None:
    """Of `http://host:port/path`; the path is OTLP's own where none is given. None without a URL."""
    if not url:
        return None
    parts = urlsplit(url)
    return Collector(parts.hostname or "", parts.port or OTLP_PORT, parts.path.rstrip("/") or OTLP_PATH, service_name)


@dataclass(frozen=True)
class Start:
    """One router Pod."""

    run_dir: str
    """The folder that Envoy and its brain share."""
    address: str = ANY_ADDRESS
    """Where it listens; at ANY_ADDRESS it takes IPv4 too."""
    port: int = ROUTER_PORT
    probe_port: int = PROBE_PORT
    memory: int = 0
    """Bytes that Envoy's container may take; 0 is no limit."""
    collector: Collector | None = None
    """Absent where nobody asked for traces."""
    module: str = ""
    """Name of the native filters' shared object, `lib<module>.so` in the run folder; empty where there is none, and Lua does their work."""
    only_ipv6: bool = False
    """Whether this machine has no way to IPv4."""
    rto_max: bool = False
    """Whether the kernel knows TCP_RTO_MAX_MS."""
    certificate: str = ""
    """The folder with tls.crt and tls.key, both in PEM; empty where clients speak plain HTTP."""
    trusted_hops: int = 0
    """Proxies in front of the router whose word for a client's address counts."""

    @property
    def xds(self) -> str:
        """The folder of the files that Envoy watches."""
        return f"{self.run_dir}/xds"
