"""Manifests checked as the API server would check them: (field, message) pairs instead of pydantic's own words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tidegate.api import KINDS
from tidegate.api.advice import Schema, advice, did_you_mean
from tidegate.api.base import BrokenRule
from tidegate.api.crd import crd
from tidegate.names import API_VERSION, GROUP

Problem = tuple[str, str]
"""A field as kubectl writes it, and what to write instead."""


def ours(manifest: Any) -> bool:
    """Whether a manifest claims to be of our API group."""
    return isinstance(manifest, dict) and str(manifest.get("apiVersion", "")).partition("/")[0] == GROUP


def check(manifest: Any) -> list[Problem]:
    """What is wrong with one manifest of ours; empty when nothing is. Objects of other API groups are not looked at."""
    if not isinstance(manifest, dict):
        return [("", "a manifest is a map with apiVersion, kind, metadata and spec")]
    version, kind = str(manifest.get("apiVersion", "")), str(manifest.get("kind", ""))
    if not ours(manifest):
        return _misspelt(version, kind)
    if version != API_VERSION:
        return [("apiVersion", f"{version!r} is not served; write {API_VERSION}")]
    if kind not in KINDS:
        like = did_you_mean(kind, list(KINDS))
        return [("kind", f"{kind!r} is not a kind of {GROUP}; write {', '.join(KINDS)}{like}")]
    try:
        KINDS[kind].model_validate(manifest)
    except ValidationError as error:
        return problems(error)
    return []


def _misspelt(version: str, kind: str) -> list[Problem]:
    """A kind of ours in a group whose name is almost ours."""
    if kind in KINDS and did_you_mean(version.partition("/")[0], [GROUP], alike=0.75):
        return [("apiVersion", f"{version!r} is not the API of a {kind}; write {API_VERSION}")]
    return []


def problems(error: ValidationError) -> list[Problem]:
    """Every complaint of pydantic as a field and a message for people."""
    schema = _schema(error.title)
    return [pair for detail in error.errors(include_url=False) for pair in _one(detail, schema)]


def _one(detail: ErrorDetails, schema: Schema) -> list[Problem]:
    field = _path(detail["loc"])
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, BrokenRule):
        return [(f"{field}{path}".lstrip("."), message) for path, message in cause.broken]
    return [(field, advice(detail, schema))]


@cache
def _schema(kind: str) -> Schema:
    """The schema of a whole object; nothing for what is no kind."""
    if kind not in KINDS:
        return {}
    schema: Schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _path(location: tuple[int | str, ...]) -> str:
    """`spec.routes[0].models`, as kubectl writes it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")


BESIDE_AUTOSCALER: Final = (
    "each apply takes back what router.autoscaling decided, which writes the same field; leave it out"
)


def doubts(manifest: Any) -> list[Problem]:
    """What is valid and will probably not do what was meant: nulls in a podTemplatePatch, which kubectl apply loses, and a number of routers
    beside an autoscaler that writes it."""
    router = manifest.get("spec", {}).get("router") or {}
    if router.get("autoscaling") and router.get("replicas") is not None:
        return [("spec.router.replicas", BESIDE_AUTOSCALER)]
    engine = manifest.get("spec", {}).get("engine", {})
    patch = engine.get("podTemplatePatch")
    message = "kubectl apply loses a null on its way; write $patch: replace or $retainKeys in the map around it"
    return [(field, message) for field in _nulls(patch, "spec.engine.podTemplatePatch")] if patch else []


def _nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    items = value.items() if isinstance(value, dict) else ()
    for key, inner in items:
        yield from _nulls(inner, f"{path}.{key}")
    for index, inner in enumerate(value if isinstance(value, list) else ()):
        yield from _nulls(inner, f"{path}[{index}]")
