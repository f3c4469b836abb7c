"""TLS between clients and the router. The certificate is read from files, and again when kubelet replaces them: streams go on with the
one that they began with, and one that cannot be read leaves the last good one in force.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/security/secret
"""

from __future__ import annotations

from typing import Final

from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource, extension

NAME: Final = "certificate"
CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
"""As in a Secret of type kubernetes.io/tls."""
_TYPE: Final = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"


def transport(start: Start) -> Resource:
    """Fields of a filter chain; none where clients speak plain HTTP."""
    if not start.certificate:
        return {}
    source = {"path_config_source": {"path": path(start)}, "resource_api_version": "V3"}
    context = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [{"name": NAME, "sds_config": source}],
    }
    return {"transport_socket": extension("envoy.transport_sockets.tls", _TYPE, common_tls_context=context)}


def path(start: Start) -> str:
    """The file that says where the certificate is, written once."""
    return f"{start.xds}/{NAME}.json"


def secret(start: Start) -> Resource:
    """What that file says: names of files, and never what is in them, so that Envoy cannot print a key with it."""
    files = {"certificate_chain": CERTIFICATE, "private_key": KEY}
    named: Resource = {field: {"filename": f"{start.certificate}/{file}"} for field, file in files.items()}
    return {"name": NAME, "tls_certificate": {**named, "watched_directory": {"path": start.certificate}}}
