"""What to write instead: pydantic says what is wrong with a field, the kind's schema says what would be right.

written                             | said
------------------------------------|----------------------------------------------------------------
max_model_len: 8192                 | there is no such field; did you mean maxModelLen?
spec.gpus                           | there is no such field; did you mean spec.engine.gpus?
placement: standalone               | 'standalone' is not one of 'Standalone'; did you mean Standalone?
gpus: 1                             | must be a map, for example gpus: {count: 1}
args: --x                           | must be a list, for example args: ["..."]
replicas: "2"                       | must be a whole number; write 2 without quotes
gpuMemoryUtilization: 0.9 or 90     | must be a share; write 90%
startupTimeout: 1200                | must be a duration; write 1200s
env: [{name: A, value: yes}]        | must be a string; put it in quotes, because YAML reads this as true
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pydantic_core import ErrorDetails

from tidegate.api.base import DNS_LABEL, SUBDOMAIN
from tidegate.api.engine import QUANTIZATION, RESOURCE_NAME
from tidegate.api.modeldeployment import SERVED_NAME
from tidegate.api.values import DURATION, HTTP_URL, PERCENT, QUANTITY, WHOLE_PERCENT

Schema = dict[str, Any]
Location = tuple[int | str, ...]

_SHAPES = {
    DURATION: "a duration such as 90s, 10m or 1h30m",
    PERCENT: "a share such as 90% or 0.5%",
    QUANTITY: "a quantity such as 16Gi, 500m or 4",
    DNS_LABEL: "lower case letters, digits and '-', such as llama-8b",
    SUBDOMAIN: "the name of an object: lower case letters, digits, '-' and '.', such as chat-keys",
    SERVED_NAME: "letters, digits and . _ : / -, such as acme/llama-8b",
    RESOURCE_NAME: "the name of a device plugin's resource, such as nvidia.com/gpu",
    HTTP_URL: "a URL without TLS, such as http://collector.observability:4318",
    WHOLE_PERCENT: "a whole share from 1% to 99%",
    QUANTIZATION: "lower case letters, digits, '-' and '_', such as fp8",
}
_EXAMPLES = {
    DURATION: "10m",
    PERCENT: "90%",
    QUANTITY: "16Gi",
    DNS_LABEL: "llama-8b",
    SUBDOMAIN: "chat-keys",
    SERVED_NAME: "acme/llama-8b",
}


def advice(detail: ErrorDetails, root: Schema) -> str:
    """The message about one complaint; `root` is the schema of the whole object."""
    say = _SAYING.get(detail["type"])
    return say(detail["loc"], detail.get("input"), root) if say else _bound(detail)


def schema_at(root: Schema, where: Sequence[int | str]) -> Schema:
    """The schema of what stands at a location; empty where the schema says nothing of it."""
    found = root
    for step in where:
        if isinstance(step, int):
            found = found.get("items", {})
        else:
            found = found.get("properties", {}).get(step) or found.get("additionalProperties") or {}
    return found


def did_you_mean(written: str, known: Sequence[str], alike: float = 0.65) -> str:
    """`; did you mean x?` for the known word that is most like it; empty when none is as much `alike`, from 0 to 1."""
    plain = {_letters(word): word for word in known}
    close = get_close_matches(_letters(written), plain, n=1, cutoff=alike)
    return f"; did you mean {plain[close[0]]}?" if close else ""


def _letters(word: str) -> str:
    """Without what people write differently: case, dashes and underscores."""
    return word.lower().replace("_", "").replace("-", "")


def _unknown_field(where: Location, _: Any, root: Schema) -> str:
    name, siblings = str(where[-1]), schema_at(root, where[:-1]).get("properties", {})
    known = [field for field in siblings if not field.startswith("$")]
    elsewhere = [
        path for path in _paths(root) if path.startswith("spec") and _letters(path.rsplit(".", 1)[1]) == _letters(name)
    ]
    if like := did_you_mean(name, known):
        return f"there is no such field{like}"
    if elsewhere:
        return f"there is no such field here; did you mean {elsewhere[0]}?"
    return f"there is no such field; {_listed(known)}"


def _map(where: Location, _: Any, root: Schema) -> str:
    return f"must be a map, for example {where[-1]}: {_example(schema_at(root, where))}"


def _list(where: Location, _: Any, root: Schema) -> str:
    return f"must be a list, for example {where[-1]}: {_example(schema_at(root, where))}"


def _listed(fields: Sequence[str]) -> str:
    return f"there are {', '.join(fields)}" if fields else "nothing can be written here"


def _paths(schema: Schema, path: str = "") -> Iterator[str]:
    """Every field below, as kubectl writes it; those nearest to the top come first."""
    level = [(path, schema)]
    while level:
        below = []
        for above, piece in level:
            fields = piece.get("items", piece).get("properties", {})
            below += [(f"{above}.{name}".lstrip("."), inner) for name, inner in fields.items()]
        yield from (name for name, _ in below if "." in name)
        level = below


def _example(schema: Schema) -> str:
    """The smallest value of this schema, as YAML on one line."""
    if "enum" in schema:
        return str(schema["enum"][0])
    if pattern := _EXAMPLES.get(schema.get("pattern", "")):
        return pattern
    kind = schema.get("type")
    if kind == "array":
        return f"[{_example(schema['items'])}]"
    if kind == "object":
        return f"{{{', '.join(_example_fields(schema))}}}"
    return {"integer": str(max(schema.get("minimum", 1), 1)), "boolean": "true"}.get(str(kind), '"..."')


def _example_fields(schema: Schema) -> Iterator[str]:
    fields = schema.get("properties", {})
    for name in schema.get("required", list(fields)[:1]):
        yield f"{name}: {_example(fields[name])}"
    if "additionalProperties" in schema:
        yield f"name: {_example(schema['additionalProperties'])}"


def _text(where: Location, value: Any, root: Schema) -> str:
    """About a value that should be a string of some shape."""
    pattern = schema_at(root, where).get("pattern", "")
    if isinstance(value, dict | list):
        return f"must be a string, not a {'map' if isinstance(value, dict) else 'list'}"
    instead = _instead(value, pattern)
    if pattern in _SHAPES and (instead or isinstance(value, str)):
        return f"must be {_SHAPES[pattern]}" + (f"; write {instead}" if instead else f", not {value!r}")
    if isinstance(value, str):
        return f"{value!r} must match {pattern}"
    return f"must be a string; put it in quotes, because YAML reads this as {_yaml(value)}"


def _instead(value: Any, pattern: str) -> str:
    """What was most likely meant: the same without blanks, in lower case with dashes, or with a unit; empty where nobody knows."""
    if isinstance(value, str):
        for likely in (value.replace(" ", ""), re.sub(r"[ _]", "-", value.lower())):
            if re.fullmatch(pattern, likely):
                return likely
    number = _number(value)
    return _with_unit(number, pattern) if number is not None and number >= 0 else ""


def _with_unit(number: float, pattern: str) -> str:
    if pattern == PERCENT:
        share = number * 100 if number <= 1 else number
        return f"{round(share, 2):g}%" if share <= 100 else ""
    if pattern == DURATION:
        return f"{number:g}s" if number == int(number) else f"{number * 1000:.0f}ms"
    return f'"{number:g}" in quotes' if pattern == QUANTITY else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _whole_number(_: Location, value: Any, __: Schema) -> str:
    instead = (
        f"; write {value} without quotes" if isinstance(value, str) and value.isdigit() else f", not {_yaml(value)}"
    )
    return f"must be a whole number{instead}"


def _boolean(_: Location, value: Any, __: Schema) -> str:
    word = str(value).lower()
    instead = f"; write {word} without quotes" if word in ("true", "false") else f", not {_yaml(value)}"
    return f"must be true or false{instead}"


def _yaml(value: Any) -> str:
    return json.dumps(value, default=str)


def _choice(where: Location, value: Any, root: Schema) -> str:
    choices = schema_at(root, where).get("enum", [])
    like = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"{value!r} is not one of {', '.join(map(repr, choices))}{like}"


def _bound(detail: ErrorDetails) -> str:
    context, value = detail.get("ctx", {}), detail.get("input")
    known = {
        "missing": "this field is required",
        "string_too_long": f"must be at most {context.get('max_length')} characters",
        "string_too_short": f"must be at least {context.get('min_length')} characters",
        "too_long": f"must have at most {context.get('max_length')} items",
        "too_short": f"must have at least {context.get('min_length')} items",
        "greater_than_equal": f"must be at least {context.get('ge')}, not {value!r}",
        "less_than_equal": f"must be at most {context.get('le')}, not {value!r}",
    }
    return known.get(detail["type"], detail["msg"])


_SAYING: Final[dict[str, Callable[[Location, Any, Schema], str]]] = {
    "extra_forbidden": _unknown_field,
    "dict_type": _map,
    "model_type": _map,
    "model_attributes_type": _map,
    "list_type": _list,
    "string_type": _text,
    "string_pattern_mismatch": _text,
    "int_type": _whole_number,
    "bool_type": _boolean,
    "literal_error": _choice,
    "enum": _choice,
}
