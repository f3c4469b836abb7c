"""The base of every API object: camelCase on the wire, frozen, strict, and with CEL rules that have a Python twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
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
    """Raised by a rule's twin; keeps the path, which pydantic's own error location lacks."""

    def __init__(self, broken: list[Rule]) -> None:
        self.broken = broken
        super().__init__("; ".join(rule.message for rule in broken))


class Part(BaseModel):
    """A piece of an object: unknown fields are refused, values never change after parsing."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        broken = [rule for rule in self.rules if not rule.holds(self)]
        if broken:
            raise BrokenRule(broken)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core))
        if cls.rules:
            schema["x-kubernetes-validations"] = [_validation(rule) for rule in cls.rules]
        return schema


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


def unique(values: list[str]) -> bool:
    """Whether no value stands twice."""
    return len(values) == len(set(values))
