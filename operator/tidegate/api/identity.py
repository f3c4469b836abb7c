"""What makes two models the same revision: the values that shape Pods, however they are written.

`cpu: 8` is `"8"`, `32Gi` is `32768Mi`, `1200s` is `20m`, a default written out is a default left out, and what shapes no Pod
(the size of a claim, its retention) does not count. A field that a later version adds does not count until it is used.
"""

from __future__ import annotations

import json
import types
from typing import Annotated, Any, Union, get_args, get_origin

from tidegate.api.base import Part, Written
from tidegate.api.engine import Engine
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.values import Canonical
from tidegate.names import short_hash


def identity(model: ModelDeployment) -> str:
    """The hash of what shapes this model's Pods."""
    shape = {"model": normal(model.spec.model), "engine": normal(model.spec.engine)}
    for part, value in (("servedNames", [model.metadata.name]), ("storage", {"ephemeral": {}})):
        if shape["model"].get(part) == value:
            del shape["model"][part]  # what its absence means
    shape["engine"].pop("parallelism", None)
    if spread := _spread(model.spec.engine):
        shape["engine"]["parallelism"] = spread
    return short_hash(json.dumps(shape, sort_keys=True, separators=(",", ":")))


def _spread(engine: Engine) -> dict[str, Any]:
    """parallelism, unless it says what its absence says: tensor parallelism over the Pod's GPUs."""
    if engine.parallelism is None:
        return {}
    said = normal(engine.parallelism) | {"tensor": engine.parallelism.tensor}
    return {} if said == {"tensor": max(engine.gpus.count, 1)} else said


def normal(part: Part) -> dict[str, Any]:
    """The fields of a piece of an object that differ from their defaults, each in one spelling."""
    out = {}
    for name, field in type(part).model_fields.items():
        value, default = getattr(part, name), field.get_default(call_default_factory=True, validated_data={})
        spelled = _spelled(value, field.annotation, field.metadata)
        if (
            name not in part.beside_pods
            and value is not None
            and spelled != _spelled(default, field.annotation, field.metadata)
        ):
            out[str(field.alias)] = spelled
    return out


def _spelled(value: Any, annotation: Any, metadata: Any = ()) -> Any:
    """A value in one spelling, by its type."""
    canonical = next((marker for marker in metadata if isinstance(marker, Canonical)), None)
    if canonical and isinstance(value, str):
        return canonical.of(value)
    if isinstance(value, Part) and value.model_config.get("extra") != "allow":
        return normal(value)
    if isinstance(value, Written):  # a piece of a patch: every field of it counts, as it is written
        return value.model_dump(by_alias=True, exclude_unset=True)
    return _by_annotation(value, get_origin(annotation), get_args(annotation))


def _by_annotation(value: Any, origin: Any, arguments: tuple[Any, ...]) -> Any:
    if origin is Annotated:
        return _spelled(value, arguments[0], arguments[1:])
    if origin in (Union, types.UnionType):
        return _spelled(value, next(a for a in arguments if a is not type(None)))
    if isinstance(value, list) and arguments:
        return [_spelled(item, arguments[0]) for item in value]
    if isinstance(value, dict) and len(arguments) == 2:
        return {key: _spelled(item, arguments[1]) for key, item in value.items()}
    return value
