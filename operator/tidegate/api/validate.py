"""Manifests checked as the API server would check them: (field, message) pairs instead of pydantic's own words."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tidegate.api import KINDS
from tidegate.api.base import BrokenRule
from tidegate.names import API_VERSION, GROUP


def check(manifest: Any) -> list[tuple[str, str]]:
    """What is wrong with one manifest of ours; empty when nothing is. Objects of other API groups are not looked at."""
    if not isinstance(manifest, dict):
        return [("", "a manifest is a map with apiVersion, kind, metadata and spec")]
    version, kind = str(manifest.get("apiVersion", "")), str(manifest.get("kind", ""))
    if not version.startswith(f"{GROUP}/"):
        return []
    if version != API_VERSION:
        return [("apiVersion", f"{version!r} is not served; write {API_VERSION}")]
    if kind not in KINDS:
        return [("kind", f"{kind!r} is not a kind of {GROUP}; write {', '.join(KINDS)}")]
    try:
        KINDS[kind].model_validate(manifest)
    except ValidationError as error:
        return problems(error)
    return []


def problems(error: ValidationError) -> list[tuple[str, str]]:
    """Every complaint of pydantic as a field and a message for people."""
    return [pair for detail in error.errors(include_url=False) for pair in _one(detail)]


def _one(detail: ErrorDetails) -> list[tuple[str, str]]:
    field = _path(detail["loc"])
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, BrokenRule):
        return [(f"{field}{path}".lstrip("."), message) for path, message in cause.broken]
    return [(field, _message(detail))]


def _path(location: tuple[int | str, ...]) -> str:
    """`spec.routes[0].models`, as kubectl writes it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")


def _message(detail: ErrorDetails) -> str:
    """What to write instead, where pydantic only says what is wrong."""
    kind, context, value = detail["type"], detail.get("ctx", {}), detail.get("input")
    known = {
        "missing": "this field is required",
        "extra_forbidden": "there is no such field; `kubectl explain` lists those that exist",
        "string_type": f"must be a string; put {value!r} in quotes",
        "literal_error": f"{value!r} is not one of {context.get('expected')}",
        "enum": f"{value!r} is not one of {context.get('expected')}",
        "string_pattern_mismatch": f"{value!r} must match {context.get('pattern')}",
        "string_too_long": f"must be at most {context.get('max_length')} characters",
        "string_too_short": f"must be at least {context.get('min_length')} characters",
        "too_long": f"must have at most {context.get('max_length')} items",
        "too_short": f"must have at least {context.get('min_length')} items",
        "greater_than_equal": f"must be at least {context.get('ge')}, not {value!r}",
        "less_than_equal": f"must be at most {context.get('le')}, not {value!r}",
    }
    return known.get(kind, detail["msg"])
