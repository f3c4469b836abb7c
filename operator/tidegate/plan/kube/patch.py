"""Strategic merge of a Pod template, as `kubectl patch --type=strategic` does it for the lists of a Pod.

https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/#notes-on-the-strategic-merge-patch

    in the patch                   what becomes of the base
    -----------------------------  -----------------------------------------------------------------------------------
    a map                          its keys are merged one by one; null removes a key
    a list with a merge key        items are merged by it, new ones are appended; every other list is replaced
    $patch: replace in a map       the patch's map stands alone
    $patch: delete in a map        an empty map
    $patch: delete in an item      its namesake goes
    an item of $patch: replace     the patch's other items stand alone
    $retainKeys: [a, b] in a map   of the base's keys only a and b stay
    $setElementOrder/x: [...]      list x in this order; items that are not in it keep their place as well as they can

Three things are our own. New items come last, where kubectl puts them first: the engine stays the first container. A volume
of another type takes the place of its namesake, for which a patch made by hand would need $retainKeys. And a map with
`$patch: replace` is there also when the base has none, where kubectl leaves it out.
"""

from __future__ import annotations

from typing import Any

from tidegate.api.directives import MERGE_KEYS, ONE_OF, ORDER


def merged(base: Any, patch: Any, field: str = "") -> Any:
    """`base` with `patch` over it; neither is changed."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return _maps(base, patch)
    if isinstance(base, list) and isinstance(patch, list) and field in MERGE_KEYS:
        return _lists(base, patch, field)
    return _new(patch)


def _new(patch: Any) -> Any:
    """What the patch says where nothing is: without directives and nulls."""
    if isinstance(patch, list):
        return [_new(item) for item in patch if not (isinstance(item, dict) and "$patch" in item)]
    if not isinstance(patch, dict):
        return patch
    if _deletes(patch):
        return {}
    return {key: _new(value) for key, value in patch.items() if value is not None and not key.startswith("$")}


def _maps(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    if "$patch" in patch:
        return _new(patch)  # type: ignore[no-any-return]
    removed = {key for key, value in patch.items() if value is None}
    kept = patch.get("$retainKeys", base)
    out = {key: value for key, value in base.items() if key in kept and key not in removed}
    for key, value in patch.items():
        if value is not None and not key.startswith("$") and (key in out or not _deletes(value)):
            out[key] = merged(out.get(key), value, key)
    return out | _ordered_lists(base, patch, out)


def _deletes(patch: Any) -> bool:
    return isinstance(patch, dict) and patch.get("$patch") == "delete"


def _lists(base: list[Any], patch: list[Any], field: str) -> list[Any]:
    key = MERGE_KEYS[field]
    plain = [item for item in patch if "$patch" not in item]
    if any(item.get("$patch") == "replace" for item in patch):
        return _new(plain)  # type: ignore[no-any-return]
    gone = [item.get(key) for item in patch if item.get("$patch") == "delete"]
    out = [item for item in base if item.get(key) not in gone]
    for item in plain:
        _put(out, item, key, one_of=field in ONE_OF)
    return out


def _put(items: list[Any], patch: dict[str, Any], key: str, *, one_of: bool) -> None:
    """Merges one item into its namesake, or appends it."""
    place = next((index for index, item in enumerate(items) if item.get(key) == patch.get(key)), None)
    if place is None:
        items.append(_maps({}, patch))
    else:
        items[place] = _maps(_same_type(items[place], patch) if one_of else items[place], patch)


def _same_type(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The base's item; without its type when the patch gives it another one."""
    other = any(value is not None and key not in base for key, value in patch.items() if not key.startswith("$"))
    return {key: value for key, value in base.items() if key in patch} if other else base


def _ordered_lists(base: dict[str, Any], patch: dict[str, Any], out: dict[str, Any]) -> dict[str, Any]:
    """The lists that the patch orders."""
    orders = {key.removeprefix(ORDER): order for key, order in patch.items() if key.startswith(ORDER)}
    return {
        field: _ordered(out[field], order, base.get(field) or [], MERGE_KEYS[field])
        for field, order in orders.items()
        if field in MERGE_KEYS and field in out
    }


def _ordered(items: list[Any], order: list[Any], before: list[Any], key: str) -> list[Any]:
    """The items in `order`. Of the others each stands before the first one that stood behind it before."""
    wanted = [item.get(key) for item in order]
    place = {item.get(key): index for index, item in enumerate(before)}
    first = sorted((item for item in items if item.get(key) in wanted), key=lambda item: wanted.index(item.get(key)))
    rest = [item for item in items if item.get(key) not in wanted]
    out: list[Any] = []
    for item in first:
        mine = place.get(item.get(key), -1)
        while rest and place.get(rest[0].get(key), mine) < mine:
            out.append(rest.pop(0))
        out.append(item)
    return out + rest
