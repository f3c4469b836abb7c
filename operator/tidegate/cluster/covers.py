"""Does a live object already say everything that we want it to say? Then nothing is written."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import orjson

from tidegate.api.values import QUANTITY, amount
from tidegate.names import GROUP, short_hash
from tidegate.plan.plan import Manifest

APPLIED_ANNOTATION: Final = f"{GROUP}/applied"
"""Hash of the manifest as last applied: a field that we no longer want shows as a different hash."""


def without_content(manifest: Manifest) -> dict[str, Any]:
    """The manifest without what is written once, when the object is made: the content of a Secret."""
    return {key: value for key, value in manifest.items() if key != "stringData"}


def stamped(manifest: Manifest) -> dict[str, Any]:
    """The manifest with the hash of itself."""
    digest = short_hash(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS).decode(), 16)
    metadata = dict(manifest["metadata"])
    metadata["annotations"] = {**metadata.get("annotations", {}), APPLIED_ANNOTATION: digest}
    return {**manifest, "metadata": metadata}


EXACT: Final = ("selector", "matchLabels", "env", "subjects")
"""Fields in which an addition changes what an object does: whom it selects, what a program is told, who gets rights."""


def covers(live: Any, wanted: Any) -> bool:
    """Whether everything in `wanted` stands in `live` too, and nothing more where additions count (EXACT). Lists of named items
    are compared by name, others in order; quantities by their value, because the API server rewrites them (`0.5` becomes
    `500m`)."""
    if live == wanted:  # of most parts, and quickly said
        return True
    if isinstance(wanted, dict):
        return isinstance(live, dict) and not _added(live, wanted) and all(_has(live, k, v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and _list_covers(live, wanted)
    return _same_quantity(live, wanted)


def _added(live: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Where somebody put an environment, say, and we want none. A label that is called `env` is a text."""
    extra = (key for key in EXACT if key in live and key not in wanted)
    return [key for key in extra if live[key] and isinstance(live[key], dict | list)]


def _has(live: dict[str, Any], key: str, value: Any) -> bool:
    """An empty value is what the API server drops."""
    if key not in live:
        return value in ({}, [], "", None, False)
    if key in EXACT and _size(live[key]) > _size(value):
        return False
    return covers(live[key], value)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, dict | list) else 0


def without_additions(wanted: Any, live: Any) -> Any:
    """`wanted` as an RFC 7386 patch of `live` that takes away what somebody added to a map in which additions count. Lists go
    as a whole in such a patch."""
    if not isinstance(wanted, dict) or not isinstance(live, dict):
        return wanted
    patch = {key: without_additions(value, live.get(key)) for key, value in wanted.items()}
    for key in EXACT:
        if isinstance(wanted.get(key), dict) and isinstance(live.get(key), dict):
            patch[key] |= {added: None for added in live[key] if added not in wanted[key]}
    return patch | dict.fromkeys(_added(live, wanted))


def part(live: Any, wanted: Any) -> Any:
    """The part of a live object about which `wanted` says something. Lists, and maps in which additions count, are whole."""
    if not isinstance(live, dict) or not isinstance(wanted, dict):
        return live
    return {key: live.get(key) if key in EXACT else part(live.get(key), value) for key, value in wanted.items()}


def _list_covers(live: list[Any], wanted: list[Any]) -> bool:
    if wanted and all(_named(item) for item in wanted) and len({item["name"] for item in wanted}) == len(wanted):
        by_name = {item["name"]: item for item in live if _named(item)}
        return all(item["name"] in by_name and covers(by_name[item["name"]], item) for item in wanted)
    return len(live) == len(wanted) and all(covers(a, b) for a, b in zip(live, wanted, strict=True))


def _named(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name"), str)


def _same_quantity(live: Any, wanted: Any) -> bool:
    a, b = _number(live), _number(wanted)
    return a is not None and a == b


def _number(value: Any) -> Decimal | None:
    if isinstance(value, str) and re.fullmatch(QUANTITY, value):
        return amount(value)
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None
