"""The two Lua filters: what each is for stands at the top of its script."""

from __future__ import annotations

import json
from importlib import resources
from typing import Final

from tidegate.envoy.openai import PATHS
from tidegate.envoy.types import Resource, extension
from tidegate.names import DRAINING_HEADER, MODEL_HEADER, SPLICE_HEADER

OWN_PATHS: Final = ("/v1/models", "/healthz")


def _script(name: str) -> str:
    return resources.files("tidegate.envoy").joinpath("scripts", name).read_text(encoding="utf-8")


_ROUTE_BY_MODEL: Final = _script("route_by_model.lua")
_REWRITE_MODEL: Final = _script("rewrite_model.lua")


def route_by_model() -> Resource:
    """The downstream filter, the same for every policy."""
    constants = {"MODEL_HEADER": _quoted(MODEL_HEADER), "SPLICE_HEADER": _quoted(SPLICE_HEADER)}
    tables = {"PATHS": _set(PATHS), "OWN": _own_paths()}
    return _filter(constants | tables, _ROUTE_BY_MODEL)


def rewrite_model(model: str) -> Resource:
    """The upstream filter of one destination: `model` is what its engines call it."""
    constants = {
        "MODEL": _quoted(model),
        "MODEL_HEADER": _quoted(MODEL_HEADER),
        "SPLICE_HEADER": _quoted(SPLICE_HEADER),
        "DRAINING_HEADER": _quoted(DRAINING_HEADER),
    }
    return _filter(constants, _REWRITE_MODEL)


def _own_paths() -> str:
    """A table of exact paths, and of everything below /v1/models/."""
    below = 'setmetatable(%s, {__index = function(_, p) return string.sub(p, 1, 11) == "/v1/models/" end})'
    return below % _set(OWN_PATHS)


def _set(values: tuple[str, ...]) -> str:
    return "{" + ", ".join(f"[{_quoted(value)}] = true" for value in values) + "}"


def _quoted(text: str) -> str:
    """A Lua string literal; JSON's escapes of ASCII text without control characters are Lua's too."""
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"not a plain name: {text!r}")
    return json.dumps(text)


def _filter(constants: dict[str, str], script: str) -> Resource:
    head = "".join(f"local {name} = {value}\n" for name, value in constants.items())
    return extension(
        "envoy.filters.http.lua",
        "envoy.extensions.filters.http.lua.v3.Lua",
        default_source_code={"inline_string": head + script},
    )
