"""A question to the brain while a request waits: Envoy's ext_authz over a Unix socket, on where a route says so. What is asked, and what
the answer may say, is for those who ask: decide.py, limiting.py, hold.py.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/ext_authz_filter
"""

from __future__ import annotations

from typing import Any, Final

from tidegate.envoy.types import Resource, duration, extension, typed

_TYPE: Final = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"


def ask(name: str, cluster: str, seconds: float, service: Resource, **more: Any) -> Resource:
    """The filter; `seconds` after which a brain that says nothing counts as away, `service` and `more` are its other fields."""
    server = {"uri": "http://brain", "cluster": cluster, "timeout": duration(seconds)}
    answer = {"http_service": {"server_uri": server, **service}, "status_on_error": {"code": "ServiceUnavailable"}}
    return extension(name, _TYPE, **answer, **more)


def nowhere(name: str) -> Resource:
    """The virtual host's configuration of the filter."""
    return {name: typed(f"{_TYPE}PerRoute", disabled=True)}


def here(name: str, *, body: int = 0, cut: bool = False) -> Resource:
    """The configuration of a route that is asked about; `body`: bytes of it that the brain reads, and whether of a longer one it gets
    the beginning."""
    read = {"with_request_body": {"max_request_bytes": body, "allow_partial_message": cut, "pack_as_bytes": True}}
    return {name: typed(f"{_TYPE}PerRoute", check_settings=read if body else {"disable_request_body_buffering": True})}
