"""The status is written when it changed, of this very object, and in one patch."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import key_of, managed_tier
from tests.support.fake_api import FakeApi, merge
from tidegate.cluster.status import merge_patch, still_there, write_status
from tidegate.errors import Conflict

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.booleans(), st.integers(0, 3), st.sampled_from(["", "x"])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)
STATUSES = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(STATUSES, STATUSES)
def test_the_patch_turns_the_old_into_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merge(old, merge_patch(old, new)) == new


@given(STATUSES, STATUSES)
def test_the_patch_is_empty_only_when_nothing_changed(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert (merge_patch(old, new) == {}) == (old == new)


def test_null_removes_and_is_not_written() -> None:
    assert merge_patch({"a": 1, "b": 2}, {"a": None, "c": None}) == {"a": None, "b": None}


def test_null_in_a_block_that_lacks_it_is_nothing_to_write() -> None:
    """What a plan leaves out of a block would else be a write in every pass."""
    assert merge_patch({"block": {"b": 2}}, {"block": {"b": 2, "c": None}}) == {}
    assert merge_patch({"block": {"b": 2}}, {"block": {"b": None}}) == {"block": {"b": None}}


async def test_unchanged_is_not_written() -> None:
    owner = {**managed_tier(), "status": {"address": "a"}}
    api = FakeApi(owner)
    assert await write_status(api, owner, {"address": "a"}) is None
    assert api.log == []


async def test_changed_is_written_and_returned() -> None:
    owner = {**managed_tier(), "status": {"address": "a", "version": "1"}}
    api = FakeApi(owner)
    written = await write_status(api, owner, {"address": "b"})
    assert written is not None
    assert written["status"] == {"address": "b"}
    assert written["metadata"]["resourceVersion"] != owner["metadata"]["resourceVersion"]


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
async def test_another_object_is_not_touched(field: str) -> None:
    owner = managed_tier()
    other = copy.deepcopy(owner)
    other["metadata"][field] = "999"
    api = FakeApi(other)
    with pytest.raises(Conflict):
        await write_status(api, owner, {"address": "b"})
    with pytest.raises(Conflict):
        await still_there(api, owner)
    assert "status" not in api.objects[key_of(owner)]


async def test_gone_or_going() -> None:
    owner = managed_tier()
    with pytest.raises(Conflict, match="is gone"):
        await still_there(FakeApi(), owner)
    going = copy.deepcopy(owner)
    going["metadata"]["deletionTimestamp"] = "2026-03-01T00:00:00Z"
    with pytest.raises(Conflict, match="is gone"):
        await still_there(FakeApi(going), owner)


async def test_still_there() -> None:
    owner = managed_tier()
    await still_there(FakeApi(owner), owner)
