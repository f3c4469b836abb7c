"""The base of every API object: camelCase on the wire, frozen, strict, and with CEL rules that have a Python twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function, no_info_plain_validator_function

from tidegate.api import bounds
from tidegate.names import MAX_NAME


class Words(NamedTuple):
    """A message that names what breaks the rule, in two languages: `cel` is a messageExpression, `of` takes the parsed object."""

    cel: str
    of: Callable[[Any], str]


class Rule(NamedTuple):
    """One rule in two languages: `cel` for the API server, `holds` for the planner and `tidegate validate`.

    `message` says what is wrong and what to write instead; `words`, where given, say it of the very item that is wrong.
    `path` is the field below the object that carries the rule (`.uri`), empty for the object itself. `holds` takes the
    parsed object. A rule without `cel` is about what CEL cannot see, so the API server accepts what it refuses.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool]
    path: str = ""
    words: Words | None = None

    def said(self, parsed: Any) -> str:
        """The message about an object that breaks the rule."""
        return self.words.of(parsed) if self.words else self.message


REPEATED: Final = "two items are the same, or have the same name; remove or rename one"


class BrokenRule(ValueError):
    """Raised by a rule's twin. `broken` has (path, message) pairs, because pydantic's own location lacks the path."""

    def __init__(self, broken: list[tuple[str, str]]) -> None:
        self.broken = broken
        super().__init__("; ".join(message for _, message in broken))


class Written(BaseModel):
    """A piece of an object as the API server reads it: no value is converted, and null is the same as absent."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
        defer_build=True,
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
        broken = _broken(self.rules, self) + self._repetitions()
        if broken:
            raise BrokenRule(broken)
        return self

    def _repetitions(self) -> list[tuple[str, str]]:
        """Lists in which something stands twice although their `x-kubernetes-list-type` is `map` or `set`."""
        fields = type(self).model_fields.items()
        return [(f".{field.alias}", REPEATED) for name, field in fields if _repeats(field, getattr(self, name))]

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core))
        return schema | _validations(cls.rules)


def _repeats(field: FieldInfo, items: list[Any] | None) -> bool:
    extra: Any = field.json_schema_extra
    if not items or not isinstance(extra, dict) or "x-kubernetes-list-type" not in extra:
        return False
    keys = extra.get("x-kubernetes-list-map-keys", ())
    return not unique([tuple(getattr(item, key) for key in keys) or item for item in items])


def _broken(rules: Iterable[Rule], parsed: Any) -> list[tuple[str, str]]:
    return [(rule.path, rule.said(parsed)) for rule in rules if not rule.holds(parsed)]


def _validations(rules: Iterable[Rule]) -> dict[str, Any]:
    validations = [_validation(rule) for rule in rules if rule.cel]
    return {"x-kubernetes-validations": validations} if validations else {}


def _validation(rule: Rule) -> dict[str, str]:
    validation = {"rule": rule.cel, "message": rule.message}
    validation |= {"messageExpression": rule.words.cel} if rule.words else {}
    return validation | ({"fieldPath": rule.path} if rule.path else {})


class Ruled:
    """Rules of a plain value, such as an item of a list of strings: `Annotated[str, Ruled(...)]`; `self` is the value."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(core) | _validations(self.rules)

    def _checked(self, value: Any) -> Any:
        if broken := _broken(self.rules, value):
            raise BrokenRule(broken)
        return value


class Refused:
    """A field that nobody may write: it is declared, with its `schema`, so that the API server can say why."""

    def __init__(self, message: str, schema: dict[str, Any]) -> None:
        self.message = message
        self.schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_plain_validator_function(self._refuse)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.schema | _validations([Rule("false", self.message, lambda _: False)])

    def _refuse(self, _: Any) -> None:
        raise BrokenRule([("", self.message)])


def cel_string(text: str) -> str:
    """A text as a CEL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t").replace("\n", "\\n") + "'"


def cel_list(values: Iterable[str]) -> str:
    """Texts as a CEL list literal."""
    return "[" + ", ".join(map(cel_string, values)) + "]"


def cel_map(values: Mapping[str, str]) -> str:
    """Texts by texts as a CEL map literal."""
    return "{" + ", ".join(f"{cel_string(key)}: {cel_string(value)}" for key, value in values.items()) + "}"


T = TypeVar("T", bound=Part)

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
Name = Annotated[str, Field(min_length=1, max_length=bounds.NAME, pattern=DNS_LABEL)]
"""A name inside an object: lower case letters, digits and '-'."""
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=SUBDOMAIN)]
"""A name of an object: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#dns-subdomain-names"""

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

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, frozen=True)
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


def cel_format(template: str, *expressions: str) -> str:
    """A CEL expression for `template.format(...)` of what the expressions give, one for each {} of the template."""
    pieces = template.split("{}")
    woven = [piece for pair in zip(map(cel_string, pieces), [*expressions, "''"], strict=True) for piece in pair]
    return " + ".join(piece for piece in woven if piece != "''")
