"""A custom resource against the structural schema of its CRD, as an API server with `fieldValidation=Strict` looks at it: types, what is
required, unknown fields, enums, patterns, bounds. CEL rules are left to the API server.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

Schema = Mapping[str, Any]
SCALED_OBJECT: Final[Schema] = yaml.safe_load((Path(__file__).parent / "keda/scaledobject.yaml").read_text())
TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "object": Mapping,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def problems(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Everything that is wrong with it, by path."""
    if schema.get("x-kubernetes-int-or-string"):
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        return list(_scalar(schema, value, path)) if fits else [f"{path}: neither a number nor a string"]
    wanted = TYPES[schema["type"]]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        return [f"{path}: not of type {schema['type']}"]
    if isinstance(value, Mapping):
        return list(_object(schema, value, path))
    if isinstance(value, list):
        few = [f"{path}: too few"] if len(value) < schema.get("minItems", 0) else []
        return few + [p for at, each in enumerate(value) for p in problems(schema["items"], each, f"{path}.{at}")]
    return list(_scalar(schema, value, path))


def _object(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path}.{name}: missing" for name in schema.get("required", ()) if name not in value)
    known, others = schema.get("properties"), schema.get("additionalProperties")
    if known is None and others is None:  # any object, as metadata is
        return
    for name, each in value.items():
        inner = (known or {}).get(name, others)
        yield from problems(inner, each, f"{path}.{name}") if inner else [f"{path}.{name}: unknown"]


def _scalar(schema: Schema, value: Any, path: str) -> Iterator[str]:
    if value not in schema.get("enum", [value]):
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        yield f"{path}: too short"
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        yield f"{path}: {value} is below {schema['minimum']}"
