"""Providers outside the cluster: whom an attempt connects to, what it is told, and where its key is.

The key stands in a file of its own that only Envoy and the brain can read; what names the file is a Secret of Envoy's discovery, which
is a file, too, so that another key counts at once and no cluster is made anew. So no document that Envoy could print has a key in it.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/credential_injector_filter
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tidegate.contract.destinations import Destination, External, Proxy, SecretEntry
from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource, duration, extension, typed
from tidegate.names import INTERNAL_HEADERS, REFUSED_HEADER, short_hash

KEPT: Final = INTERNAL_HEADERS
"""What filters and routes tell each other in, and nobody else needs to know."""
DROPPED: Final = (
    "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via", "x-envoy-external-address", "x-envoy-internal",
    "accept-encoding", "openai-organization", "openai-project",
)  # fmt: skip
"""Who asks us, and what belongs to a key of the client's own; and compression, in which nobody could count tokens."""
VERSION: Final = "2023-06-01"
"""Of Anthropic's API, where a client names none: https://docs.anthropic.com/en/api/versioning"""
LOOK_UP: Final = 10.0
"""Seconds between two questions for a provider's addresses, where their DNS names no time."""
_TLS: Final = "envoy.extensions.transport_sockets.tls.v3"
_PORTS: Final = {True: 443, False: 80}


@dataclass(frozen=True)
class Credentials:
    """Which providers can be asked: what is known of their Secrets, never what they say."""

    missing: frozenset[str] = frozenset()
    """Destinations whose key or certificates are not there, or are none: they get no request."""
    authorities: Mapping[str, str] = field(default_factory=dict)
    """Files of certificates, by destination; the empty name is the machine's own."""

    def hash(self) -> str:
        """The same for the same."""
        return short_hash(repr((sorted(self.missing), sorted(self.authorities.items()))), 12)

    def reach(self, destination: str) -> bool:
        """Whether it can be asked."""
        return destination not in self.missing

    def file(self, destination: str, provider: External) -> str:
        """What a provider's certificate is verified with."""
        return self.authorities.get(destination if provider.ca else "", "")


NOTHING: Final = Credentials()


def named(entry: SecretEntry) -> str:
    """Short, of letters and digits, and another one for each entry."""
    return short_hash(f"{entry.secret}/{entry.entry}", 16)


def secret_path(start: Start, entry: SecretEntry) -> str:
    """The file that names the file with the key."""
    return f"{start.xds}/key.{named(entry)}.json"


def secret(entry: SecretEntry, file: str) -> Resource:
    """What stands in it."""
    return {"name": named(entry), "generic_secret": {"secret": {"filename": file}}}


def lines(destination: Destination, provider: External) -> list[tuple[str, str]]:
    """Of the native filter of an attempt."""
    named = f"[{provider.host}]" if ":" in provider.host else provider.host
    host = named if provider.port == _PORTS[provider.tls] else f"{named}:{provider.port}"
    return [
        ("name", destination.name),
        ("refused", REFUSED_HEADER),
        ("host", host),
        ("path", provider.path),
        *(("keep", name) for name in KEPT),
        *(("drop", name) for name in DROPPED),
        *([("default", f"anthropic-version {VERSION}")] if destination.anthropic else []),
    ]


def injector(destination: Destination, entry: SecretEntry, start: Start) -> Resource:
    """The filter that shows the key, in place of whatever stood there."""
    source = {"path_config_source": {"path": secret_path(start, entry)}, "resource_api_version": "V3"}
    generic = typed(
        "envoy.extensions.http.injected_credentials.generic.v3.Generic",
        credential={"name": named(entry), "sds_config": source},
        **(
            {"header": "x-api-key"}
            if destination.anthropic
            else {"header": "authorization", "header_value_prefix": "Bearer "}
        ),
    )
    return extension(
        "envoy.filters.http.credential_injector",
        "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
        overwrite=True,
        credential={"name": "envoy.http.injected_credentials.generic", "typed_config": generic},
    )


def transport(provider: External, authorities: str) -> Resource:
    """TLS, with the provider's certificate verified; nothing where it is asked without."""
    if not provider.tls:
        return {}
    address = _is_address(provider.host)
    name = {"san_type": "IP_ADDRESS" if address else "DNS", "matcher": {"exact": provider.host}}
    context = typed(
        f"{_TLS}.UpstreamTlsContext",
        **({} if address else {"sni": provider.host}),
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["http/1.1"],
            "validation_context": {
                "trusted_ca": {"filename": authorities},
                "match_typed_subject_alt_names": [name],
            },
        },
    )
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def found_by_name(destination: str, provider: External | Proxy, start: Start, nobody: list[Resource]) -> Resource:
    """A cluster's fields: all addresses that the name has. `nobody` are localities to ask where none of them can be. Envoy does not
    wait for a DNS that does not answer."""
    address = {"socket_address": {"address": provider.host, "port_value": provider.port}}
    return {
        "type": "STRICT_DNS",
        "dns_lookup_family": "V6_PREFERRED" if start.only_ipv6 else "V4_PREFERRED",
        "dns_refresh_rate": duration(LOOK_UP),
        "respect_dns_ttl": True,
        "dns_failure_refresh_rate": {"base_interval": duration(1), "max_interval": duration(LOOK_UP)},
        "wait_for_warm_on_init": False,
        "load_assignment": {
            "cluster_name": destination,
            "policy": {"overprovisioning_factor": 1_000_000},
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}, *nobody],
        },
    }
