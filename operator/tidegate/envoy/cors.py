"""Who may ask from within a web page: preflights are answered before anything else is asked, and what is answered, errors too, may be
read by the pages that may ask.

https://fetch.spec.whatwg.org/#http-cors-protocol
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/cors_filter
"""

from __future__ import annotations

import re
from typing import Any, Final

from tidegate.contract.browsers import Cors
from tidegate.envoy.types import Resource, extension, typed

NAME: Final = "cors"
PREFLIGHT_KEPT: Final = 600
"""Seconds for which a browser need not ask again."""
ENGINES_HEADERS: Final = tuple(
    f"access-control-{name}"
    for name in ("allow-origin", "allow-credentials", "allow-methods", "allow-headers", "expose-headers", "max-age")
)
"""Engines let every page read every answer; whether it may is the router's to say."""
_TYPE: Final = "envoy.extensions.filters.http.cors.v3.Cors"


def filters(wanted: Cors | None) -> list[Resource]:
    """The first of the chain, where it is on."""
    return [extension(NAME, _TYPE)] if wanted else []


def policy(wanted: Cors | None) -> Resource:
    """The virtual host's configuration of the filter. Browsers are allowed every header that they ask for, because `*` does not mean
    authorization, and shown every header of ours. Cookies and the like are none of our business: there is no
    access-control-allow-credentials."""
    if not wanted:
        return {}
    settings: dict[str, Any] = {
        "allow_origin_string_match": [_origin(origin) for origin in wanted.allow_origins],
        "allow_methods": "GET, POST",
        "allow_headers": "*",
        "expose_headers": "*",
        "max_age": str(PREFLIGHT_KEPT),
    }
    return {NAME: typed(f"{_TYPE}Policy", **settings)}


def varies(wanted: Cors | None) -> list[Resource]:
    """`response_headers_to_add`: who asks from another page may be answered otherwise."""
    header = {"key": "vary", "value": "origin"}
    return [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}] if wanted else []


def _origin(written: str) -> Resource:
    scheme, below, host = written.partition("://*.")
    if not below:
        return {"exact": written}
    return {"safe_regex": {"google_re2": {}, "regex": rf"{re.escape(scheme)}://[a-z0-9.-]+\.{re.escape(host)}"}}
