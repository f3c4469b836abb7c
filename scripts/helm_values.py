"""docs/reference/helm-values.md: every value of the chart, from values.yaml with its comments and values.schema.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts/tidegate"


class Value(NamedTuple):
    """One row."""

    path: str
    type: str
    default: str
    description: str


def values(chart: Path = CHART) -> list[Value]:
    """In the order of values.yaml; raises KeyError for a value that the schema does not know."""
    text = (chart / "values.yaml").read_text()
    schema = json.loads((chart / "values.schema.json").read_text())
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    return list(_rows(root, schema, text.splitlines(), ""))


def _rows(node: yaml.MappingNode, schema: dict[str, Any], lines: list[str], prefix: str) -> Iterator[Value]:
    for key, value in node.value:
        piece = schema["properties"][key.value]
        path = prefix + key.value
        if "properties" in piece:
            yield from _rows(value, piece, lines, f"{path}.")
        else:
            yield Value(path, _type(piece), _default(value), _comment(lines, key.start_mark.line))


def _comment(lines: list[str], line: int) -> str:
    """The comment lines right above a key."""
    first = line
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return " ".join(text.lstrip("# ") for text in lines[first:line])


def _default(node: yaml.Node) -> str:
    return f"`{json.dumps(yaml.safe_load(yaml.serialize(node)))}`"


def _type(piece: dict[str, Any]) -> str:
    if "enum" in piece:
        return " \\| ".join(f"`{value}`" for value in piece["enum"])
    if "minimum" in piece:
        return f"{piece['type']}, {piece['minimum']} to {piece['maximum']}"
    return {"array": "list", "object": "map"}.get(piece["type"], str(piece["type"]))
