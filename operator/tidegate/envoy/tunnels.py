"""Providers behind an egress proxy. An attempt connects to a listener inside Envoy, which asks the proxy for a tunnel to the provider (CONNECT,
RFC 9110 section 9.3.6) and passes bytes on. TLS begins before the tunnel and ends at the provider, so the proxy learns its name and port, and nobody
here looks its addresses up.

Listener and cluster of a tunnel have one name, which says all that they are made of: another proxy is another tunnel, and streams in the old one
end as they would have. What is shown to the proxy stands in a file that Envoy alone reads, and reads again when it is another one.

https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/http/upgrades#tunneling-tcp-over-http
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/other_features/internal_listener
"""

from __future__ import annotations

from typing import Final

from tidegate.contract.destinations import External, Proxy, SecretEntry
from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource, duration, extension, typed
from tidegate.names import short_hash

PREFIX: Final = "tunnel:"
IDLE: Final = 3600.0
"""Seconds without a byte in a tunnel: whoever uses it gives up long before."""
FILE_CONTENT: Final = "envoy.extensions.formatter.file_content.v3.FileContent"
TCP_PROXY: Final = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"


def name(provider: External, proxy: Proxy) -> str:
    """Of the tunnel to a provider."""
    return PREFIX + short_hash(f"{proxy.model_dump_json()} {target(provider)}", 16)


def target(provider: External) -> str:
    """What the proxy is asked for."""
    host = f"[{provider.host}]" if ":" in provider.host else provider.host
    return f"{host}:{provider.port}"


def file(start: Start, entry: SecretEntry) -> str:
    """What is shown to a proxy."""
    return f"{folder(start)}/{short_hash(f'{entry.secret}/{entry.entry}', 16)}"


def folder(start: Start) -> str:
    """Where those files are, and nothing else: Envoy looks at all of them whenever one is another one."""
    return f"{start.run_dir}/proxies"


def listener(provider: External, proxy: Proxy, start: Start) -> Resource:
    """It counts as no client's connection."""
    own = name(provider, proxy)
    tunneling: Resource = {"hostname": target(provider)}
    if proxy.credentials:
        value = f"%FILE_CONTENT({file(start, proxy.credentials)}:{folder(start)})%"
        tunneling["headers_to_add"] = [{"header": {"key": "proxy-authorization", "value": value}}]
        tunneling["formatters"] = [extension("envoy.formatter.file_content", FILE_CONTENT)]
    passed = extension(
        "envoy.filters.network.tcp_proxy",
        TCP_PROXY,
        stat_prefix="tunnels",
        cluster=own,
        idle_timeout=duration(IDLE),
        tunneling_config=tunneling,
    )
    return {
        "name": own,
        "internal_listener": {},
        "ignore_global_conn_limit": True,
        "filter_chains": [{"filters": [passed]}],
    }


def entrance(provider: External, proxy: Proxy) -> Resource:
    """An address of Envoy's own."""
    return {"endpoint": {"address": {"envoy_internal_address": {"server_listener_name": name(provider, proxy)}}}}


def allowed() -> Resource:
    """Field of a bootstrap: there may be listeners inside."""
    kind = "envoy.extensions.bootstrap.internal_listener.v3.InternalListener"
    return {"bootstrap_extensions": [{"name": "envoy.bootstrap.internal_listener", "typed_config": typed(kind)}]}
