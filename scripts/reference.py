"""docs/reference: every field of every kind, from the CustomResourceDefinitions, and every value of the chart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scripts import helm_values
from tidegate.api import KINDS
from tidegate.api.crd import crd
from tidegate.brain import metrics
from tidegate.brain.cache.desk import Desk
from tidegate.brain.cache.meters import CacheMeters
from tidegate.brain.cache.stored.meters import StoredMeters
from tidegate.brain.limits import meters as limiting
from tidegate.brain.records import meters
from tidegate.control import health, objects, scaling_metrics

TEMPLATES = Path(__file__).parent / "templates"


class Field(NamedTuple):
    """One row."""

    path: str
    type: str
    required: bool
    description: str


def pages() -> dict[str, str]:
    """Markdown by file name."""
    environment = Environment(  # noqa: S701 - Markdown, not HTML
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("reference.md.j2")
    kinds = {f"{kind.lower()}.md": template.render(kind=kind, **_content(kind)) for kind in KINDS}
    chart = environment.get_template("helm_values.md.j2").render(values=helm_values.values())
    operator = {
        "operator": health.Metrics().registry.collect(),
        "watched": health.WATCHED | objects.TEXTS | scaling_metrics.TEXTS,
    }
    counted = {
        "limits": limiting.TEXTS,
        "caches": [*CacheMeters(Desk(lambda: 0.0, "")).collect(), *StoredMeters(tuple).collect()],
    }
    told = environment.get_template("metrics.md.j2").render(metrics=metrics, meters=meters, **operator, **counted)
    return kinds | {"helm-values.md": chart, "metrics.md": told}


def _content(kind: str) -> dict[str, Any]:
    version = crd(kind)["spec"]["versions"][0]
    root = version["schema"]["openAPIV3Schema"]
    parts = root["properties"]
    return {
        "description": root["description"],
        "short": crd(kind)["spec"]["names"]["shortNames"][0],
        "spec": list(_fields(parts["spec"], "spec")),
        "status": list(_fields(parts["status"], "status")),
        "rules": [*_rules(root, ""), *_rules(parts["spec"], "spec")],
    }


def _fields(schema: dict[str, Any], path: str) -> Iterator[Field]:
    required = schema.get("required", [])
    for name, piece in schema.get("properties", {}).items():
        inner = piece.get("items", piece)
        here = f"{path}.{name}" + ("[]" if "items" in piece else "")
        yield Field(here, _type(piece), name in required, piece.get("description", ""))
        yield from _fields(inner, here)


def _type(piece: dict[str, Any]) -> str:
    if "enum" in piece:
        return " \\| ".join(f"`{value}`" for value in piece["enum"])
    if piece.get("x-kubernetes-int-or-string"):
        return "quantity"
    if piece.get("type") == "array":
        return f"list of {_type(piece['items'])}"
    if "additionalProperties" in piece:
        return f"map of {_type(piece['additionalProperties'])}"
    return str(piece.get("type", "any"))


def _rules(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for rule in schema.get("x-kubernetes-validations", []):
        yield f"{path}{rule.get('fieldPath', '')}".lstrip("."), rule["message"]
    if not path:
        return
    for name, piece in schema.get("properties", {}).items():
        yield from _rules(piece, f"{path}.{name}")
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")
