"""The base of every API object: camelCase on the wire, frozen, strict, and with CEL rules that have a Python twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from tidegate.names import MAX_NAME


class Rule(NamedTuple):
    """One rule in two languages: `cel` for the API server, `holds` for the planner and `tidegate validate`.

    `message` says what is wrong and what to write instead. `path` is the field below the object that carries the rule
    (`.uri`), empty for the object itself. `holds` takes the parsed object.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool]
    path: str = ""


class BrokenRule(ValueError):
    """Raised by a rule's twin. `broken` has (path, message) pairs, because pydantic's own location lacks the path."""

    def __init__(self, broken: list[tuple[str, str]]) -> None:
        self.broken = broken
        super().__init__("; ".join(message for _, message in broken))


class Written(BaseModel):
    """A piece of an object as the API server reads it: no value is converted, and null is the same as absent."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        declared = {field.alias for field in cls.model_fields.values()}
        return {key: value for key, value in written.items() if value is not None or key not in declared}


class Part(Written):
    """A piece of an object: unknown fields are refused, values never change after parsing."""

    model_config = ConfigDict(extra="forbid")
    rules: ClassVar[tuple[Rule, ...]] = ()
    beside_pods: ClassVar[frozenset[str]] = frozenset()
    """Fields that shape no Pod, and so make no new revision."""

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        broken = [(rule.path, rule.message) for rule in self.rules if not rule.holds(self)]
        broken += self._repetitions()
        if broken:
            raise BrokenRule(broken)
        return self

    def _repetitions(self) -> list[tuple[str, str]]:
        """Lists in which something stands twice although their `x-kubernetes-list-type` is `map` or `set`."""
        message = "two items are the same, or have the same name; remove or rename one"
        fields = type(self).model_fields.items()
        return [(f".{field.alias}", message) for name, field in fields if _repeats(field, getattr(self, name))]

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core))
        if cls.rules:
            schema["x-kubernetes-validations"] = [_validation(rule) for rule in cls.rules]
        return schema


def _repeats(field: FieldInfo, items: list[Any] | None) -> bool:
    extra: Any = field.json_schema_extra
    if not items or not isinstance(extra, dict) or "x-kubernetes-list-type" not in extra:
        return False
    keys = extra.get("x-kubernetes-list-map-keys", ())
    return not unique([tuple(getattr(item, key) for key in keys) or item for item in items])


def _validation(rule: Rule) -> dict[str, str]:
    validation = {"rule": rule.cel, "message": rule.message}
    return validation | ({"fieldPath": rule.path} if rule.path else {})


T = TypeVar("T", bound=Part)

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
"""A name inside an object: lower case letters, digits and '-'."""
ObjectName = Annotated[str, Field(min_length=1, max_length=253)]

KEYED_BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
SET = {"x-kubernetes-list-type": "set"}
FREE_FORM = {"x-kubernetes-preserve-unknown-fields": True}

FreeForm = Annotated[dict[str, Any], Field(json_schema_extra=FREE_FORM)]
"""An object of core Kubernetes that is passed on as it is; the API server checks it where it is used."""


class SecretKeyRef(Part):
    """A key of a Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key inside the Secret."""


class LocalRef(Part):
    """An object in the same namespace, by name."""

    name: ObjectName
    """Name of the object."""


class ObjectMeta(BaseModel):
    """The part of metadata that Tidegate reads; the rest is Kubernetes'."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, alias_generator=to_camel, frozen=True)
    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


NAME_RULE = Rule(
    cel=f"self.metadata.name.size() <= {MAX_NAME} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message=f"metadata.name must be at most {MAX_NAME} characters of a-z, 0-9 and '-', start with a letter and hold no dots, "
    "because the names of Services and Pods follow from it; choose a shorter or plainer name",
    holds=lambda obj: len(obj.metadata.name) <= MAX_NAME and _plain(obj.metadata.name),
)


def _plain(name: str) -> bool:
    return (
        name[:1].isalpha()
        and name.isascii()
        and name == name.lower()
        and name.replace("-", "a").isalnum()
        and (not name.endswith("-"))
    )


def unique(values: list[Any]) -> bool:
    """Whether no value stands twice."""
    return len(values) == len(set(values))
