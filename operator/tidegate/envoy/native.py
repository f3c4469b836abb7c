"""The native filters (native/): one shared object that Envoy loads, a dynamic module. What each is for stands at the top of its
source; the lines that configure them are read by native/src/config.rs. `module` is everywhere the name under which Envoy finds it.

https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/extensions/dynamic_modules/v3/dynamic_modules.proto
"""

from __future__ import annotations

from math import ceil
from typing import Final

from tidegate.envoy import paths
from tidegate.envoy.clients import Clients
from tidegate.envoy.limits import LARGEST_BODY, TOO_LARGE
from tidegate.envoy.types import Resource, extension, typed
from tidegate.names import (
    ALLOWANCE_HEADER,
    DRAINING_HEADER,
    LARGE_HEADER,
    LEASE_HEADER,
    LONGER_HEADER,
    MODEL_HEADER,
    OWN_HEADER,
    PREFIX_HEADER,
    SPLICE_HEADER,
    TICKET_HEADER,
)

METRICS: Final = "tidegate_native"
"""Before the names of these filters' metrics: `envoy_tidegate_native_panics_total`, and `envoy_cluster_...` of attempts."""
USAGE_PATHS: Final = ("/v1/chat/completions", "/v1/completions")
"""Where the usage of a stream has to be asked for: https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options"""
_HTTP: Final = "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter"
_NETWORK: Final = "envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter"
_HEADERS: Final = (
    ("model-header", MODEL_HEADER),
    ("splice-header", SPLICE_HEADER),
    ("own-header", OWN_HEADER),
    ("large-header", LARGE_HEADER),
    ("draining-header", DRAINING_HEADER),
)


def route(
    module: str,
    *,
    end_broken: bool = True,
    ask_usage: bool = False,
    first_token: float = 0.0,
    prefix: bool = False,
    limits: str = "",
    kept: int = 0,
    clients: Clients | None = None,
) -> Resource:
    """The downstream filter. `end_broken`: a stream that breaks off ends with an error event. `ask_usage`: engines are asked for the
    usage of streams whose clients did not ask, who do not see it then. `first_token`: seconds that an engine has for the first byte of
    a stream, 0 for any. `prefix`: routes are told what a prompt begins with. `limits`: what is asked for, and how much of a stream was
    passed on, is told, and what was taken of allowances stands in this file. `kept`: bytes of an answer that are kept for the brain, where a request has a ticket. `clients`: who may ask; None for everybody."""
    lines = [
        *(("json", path) for path in paths.JSON),
        *(("form", path) for path in paths.FORMS),
        *(("own", path) for path in (*paths.OWN, f"{paths.MODELS}/")),
        *(("elsewhere", f"{path} {instead}") for path, instead in paths.ELSEWHERE.items()),
        *(("usage", path) for path in USAGE_PATHS if ask_usage),
        ("largest", str(LARGEST_BODY)),
        ("too-large", TOO_LARGE),
        *([("end", "")] if end_broken else []),
        *([("first-token", str(ceil(first_token * 1000)))] if first_token else []),
        *([("prefix", PREFIX_HEADER)] if prefix else []),
        *([("limits", f"{ALLOWANCE_HEADER} {limits}")] if limits else []),
        *([("kept", f"{kept} {TICKET_HEADER}")] if kept else []),
        *(clients.lines if clients else []),
    ]
    return _filter(module, "route", lines)


def again(module: str, most: int, word: str, lines: list[tuple[str, str]]) -> Resource:
    """The filter that gives answers again: `most` bytes of them, as long as the brain's `word` holds, a file in the folder that it shares
    with Envoy. The lines say of what (native/src/config.rs)."""
    own = [("most", f"{most} {word}"), ("lease", LEASE_HEADER), ("ticket", TICKET_HEADER)]
    return _filter(module, "again", [*own, *lines])


def engine(module: str, model: str, *more: tuple[str, str]) -> Resource:
    """The upstream filter of one destination: `model` is what its engines call it, `more` what there is to say of a provider."""
    if not model.isascii() or not model.isprintable():
        raise ValueError(f"not a plain name: {model!r}")
    return _filter(
        module,
        "engine",
        [("model", model), ("hold", ""), ("longer", LONGER_HEADER), ("allowance", ALLOWANCE_HEADER), *more],
    )


def end(module: str) -> Resource:
    """The network filter below HTTP, without which a broken stream of HTTP/1.1 cannot end."""
    return extension(
        "tidegate.end", _NETWORK, dynamic_module_config=_loaded(module), filter_name="end", filter_config=_text("")
    )


def _filter(module: str, name: str, lines: list[tuple[str, str]]) -> Resource:
    text = "".join(f"{word} {value}".rstrip() + "\n" for word, value in (*_HEADERS, *lines))
    return extension(
        f"tidegate.{name}",
        _HTTP,
        dynamic_module_config={**_loaded(module), "metrics_namespace": METRICS},
        filter_name=name,
        filter_config=_text(text),
    )


def _loaded(module: str) -> Resource:
    """It stays loaded until Envoy ends: Rust's runtime is not made to be unloaded."""
    return {"name": module, "do_not_close": True}


def _text(text: str) -> Resource:
    return typed("google.protobuf.StringValue", value=text)
