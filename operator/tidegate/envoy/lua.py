"""The Lua filters: what each is for stands at the top of its script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Final

from tidegate.envoy import anthropic, openai, paths
from tidegate.envoy.clients import OPEN
from tidegate.envoy.limits import LARGEST_BODY, MOST_DROPPED, RETRY_AFTER, TOO_LARGE
from tidegate.envoy.types import Resource, extension
from tidegate.names import DRAINING_HEADER, LARGE_HEADER, LONGER_HEADER, MODEL_HEADER, OWN_HEADER, SPLICE_HEADER

TOO_LONG: Final = "The request is longer than the maximum context length of the models that may answer it."
SHUT: Final = "This router cannot check API keys: it has no native filters."


def _scripts(*names: str) -> str:
    folder = resources.files("tidegate.envoy").joinpath("scripts")
    return "\n".join(folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names)


_ROUTE_BY_MODEL: Final = _scripts("refuse", "json_model", "form_model", "route_by_model")
_UNUSUAL: Final = _scripts("refuse", "unusual")
_REWRITE_MODEL: Final = _scripts("rewrite_model")
_ANSWER: Final = _scripts("refuse", "answer")
ASKED_AGAIN: Final = (429, 503)
"""Statuses that clients are told to try again."""


def route_by_model(*, shut: bool = False) -> Resource:
    """The downstream filter. `shut`: nobody is let in, because clients have keys, which are not known here."""
    constants = {
        "JSON": _set(paths.JSON),
        "FORMS": _set(paths.FORMS),
        "OWN": _set(paths.OWN),
        "MODELS": _quoted(paths.MODELS),
        "ELSEWHERE": _table({path: _quoted(instead) for path, instead in paths.ELSEWHERE.items()}),
        "KEYLESS": _set(OPEN),
        "SHUT": _quoted(SHUT) if shut else "nil",
        "RETRY_AFTER": _quoted(RETRY_AFTER),
        "LARGEST": str(LARGEST_BODY),
        "MODEL_HEADER": _quoted(MODEL_HEADER),
        "SPLICE_HEADER": _quoted(SPLICE_HEADER),
        "OWN_HEADER": _quoted(OWN_HEADER),
        "LARGE_HEADER": _quoted(LARGE_HEADER),
    }
    return _filter("envoy.filters.http.lua", _refusals() | constants, _ROUTE_BY_MODEL)


def unusual() -> Resource:
    """The downstream filter before it, for requests that are not as most are."""
    constants = {
        "LARGEST": str(LARGEST_BODY),
        "MOST_DROPPED": str(MOST_DROPPED),
        "LARGE_HEADER": _quoted(LARGE_HEADER),
    }
    return _filter("unusual", _refusals() | constants, _UNUSUAL)


def rewrite_model(model: str) -> Resource:
    """The upstream filter of one destination: `model` is what its engines call it."""
    constants = {
        "MODEL": _quoted(model),
        "MODEL_HEADER": _quoted(MODEL_HEADER),
        "SPLICE_HEADER": _quoted(SPLICE_HEADER),
        "DRAINING_HEADER": _quoted(DRAINING_HEADER),
    }
    return _filter("envoy.filters.http.lua", constants, _REWRITE_MODEL)


def answer(status: int, message: str) -> Resource:
    """The upstream filter of a cluster that asks nobody: says this, in the shape that the path's clients read; and to a request that was too
    long for whoever was asked last, that it is."""
    kinds = {
        "OPENAI": _by_status({one: openai.KINDS.get(one, openai.OTHER) for one in (400, status)}),
        "ANTHROPIC": _by_status({one: anthropic.KINDS.get(one, anthropic.OTHER) for one in (400, status)}),
    }
    constants = {
        "LONGER_HEADER": _quoted(LONGER_HEADER),
        "TOO_LONG": _quoted(TOO_LONG),
        "STATUS": str(status),
        "MESSAGE": _quoted(json.dumps(message)[1:-1]),
        "RETRY_AFTER": _quoted(RETRY_AFTER) if status in ASKED_AGAIN else "nil",
    }
    return _filter("envoy.filters.http.lua", _refusals() | kinds | constants, _ANSWER)


def _refusals() -> dict[str, str]:
    return {
        "MESSAGES": _quoted(paths.MESSAGES),
        "OPENAI": _by_status(openai.KINDS),
        "ANTHROPIC": _by_status(anthropic.KINDS),
        "TOO_LARGE": _quoted(TOO_LARGE),
    }


def _by_status(kinds: Mapping[int, str]) -> str:
    return "{" + ", ".join(f"[{status}] = {_quoted(kind)}" for status, kind in kinds.items()) + "}"


def _set(values: Iterable[str]) -> str:
    return _table(dict.fromkeys(values, "true"))


def _table(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"[{_quoted(key)}] = {value}" for key, value in values.items()) + "}"


def _quoted(text: str) -> str:
    """A Lua string literal; JSON's escapes of ASCII text without control characters are Lua's too."""
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"not a plain name: {text!r}")
    return json.dumps(text)


def _filter(name: str, constants: Mapping[str, str], script: str) -> Resource:
    head = "".join(f"local {constant} = {value}\n" for constant, value in constants.items())
    return extension(
        name, "envoy.extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": head + script}
    )
