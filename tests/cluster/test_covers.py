"""Nothing is written when the API server already says what we want, however it says it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_api import merge
from tidegate.cluster.covers import APPLIED_ANNOTATION, EXACT, covers, part, stamped, without_additions, without_content

LEAVES = st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.sampled_from(["", "a", "1Gi", "500m", "0.5"]))
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "name"]), inner, max_size=3),
    ),
    max_leaves=8,
)

COVERED = [
    ("more than is wanted", {"a": 1, "b": 2}, {"a": 1}),
    ("quantities in another unit", {"cpu": "500m"}, {"cpu": "0.5"}),
    ("a quantity as an integer", {"memory": 1073741824}, {"memory": "1Gi"}),
    ("a fraction of a byte", {"memory": "107374182400m"}, {"memory": "0.1Gi"}),
    ("an empty map is dropped", {}, {"resources": {}}),
    ("an empty list is dropped", {}, {"args": []}),
    ("false is dropped", {}, {"readOnly": False}),
    ("an empty string is dropped", {}, {"value": ""}),
    ("null is dropped", {}, {"value": None}),
    ("a list by name in another order", [{"name": "b"}, {"name": "a", "x": 1}], [{"name": "a"}, {"name": "b"}]),
    ("a list by name with more items", [{"name": "sidecar"}, {"name": "a"}], [{"name": "a"}]),
    (
        "a defaulted port",
        {"ports": [{"name": "h", "port": 80, "nodePort": 30000}]},
        {"ports": [{"name": "h", "port": 80}]},
    ),
    ("items without names in order", [{"x": 1, "y": 2}], [{"x": 1}]),
    ("a label that is called env", {"labels": {"a": "1", "env": "prod"}}, {"labels": {"a": "1"}}),
    ("no environment, spelled out", {"name": "a", "env": []}, {"name": "a"}),
]
NOT_COVERED = [
    ("another value", {"a": 2}, {"a": 1}),
    ("a value that is missing", {}, {"a": 1}),
    ("another quantity", {"cpu": "501m"}, {"cpu": "0.5"}),
    ("a quantity and a word", {"cpu": "x"}, {"cpu": "0.5"}),
    ("a boolean is no number", {"a": True}, {"a": "1"}),
    ("a name that is missing", [{"name": "a"}], [{"name": "b"}]),
    ("a named item that differs", [{"name": "a", "image": "1"}], [{"name": "a", "image": "2"}]),
    ("arguments in another order", ["--b", "--a"], ["--a", "--b"]),
    ("an argument more", ["--a", "--b"], ["--a"]),
    ("a list where a map is wanted", [], {"a": 1}),
    ("a map where a list is wanted", {}, [1]),
    ("an empty list where there is something", {"args": ["x"]}, {"args": []}),
    ("a label more in a selector", {"selector": {"a": "1", "b": "2"}}, {"selector": {"a": "1"}}),
    ("a variable more", {"env": [{"name": "A"}, {"name": "B"}]}, {"env": [{"name": "A"}]}),
    ("a variable where none is wanted", {"name": "a", "env": [{"name": "A"}]}, {"name": "a"}),
]


@pytest.mark.parametrize(("what", "live", "wanted"), COVERED, ids=[row[0] for row in COVERED])
def test_covered(what: str, live: Any, wanted: Any) -> None:
    assert covers(live, wanted)


@pytest.mark.parametrize(("what", "live", "wanted"), NOT_COVERED, ids=[row[0] for row in NOT_COVERED])
def test_not_covered(what: str, live: Any, wanted: Any) -> None:
    assert not covers(live, wanted)


@given(DOCUMENTS)
def test_everything_covers_itself(document: Any) -> None:
    assert covers(document, copy.deepcopy(document))


@given(st.dictionaries(st.sampled_from("abc"), DOCUMENTS), st.dictionaries(st.sampled_from("xyz"), DOCUMENTS))
def test_what_others_add_does_not_matter(wanted: dict[str, Any], added: dict[str, Any]) -> None:
    assert covers(wanted | added, wanted)


def test_the_stamp_names_the_manifest() -> None:
    manifest = {"metadata": {"name": "a", "annotations": {"note": "x"}}, "spec": {"b": 1, "c": 2}}
    before = copy.deepcopy(manifest)
    one = stamped(manifest)
    assert manifest == before
    assert one["metadata"]["annotations"]["note"] == "x"
    reordered = {"spec": {"c": 2, "b": 1}, "metadata": {"annotations": {"note": "x"}, "name": "a"}}
    assert stamped(reordered) == one
    assert stamp(stamped({**manifest, "spec": {"b": 1}})) != stamp(one)


def test_a_field_that_is_no_longer_wanted_shows() -> None:
    """Only the stamp tells: everything that is wanted is there."""
    old = stamped({"metadata": {"name": "a"}, "spec": {"b": 1, "c": 2}})
    assert not covers(old, stamped({"metadata": {"name": "a"}, "spec": {"b": 1}}))


def stamp(manifest: dict[str, Any]) -> str:
    return str(manifest["metadata"]["annotations"][APPLIED_ANNOTATION])


@pytest.mark.parametrize("field", EXACT)
@pytest.mark.parametrize(
    ("live", "wanted", "covered"),
    [
        ({"a": "1"}, {"a": "1"}, True),
        ({"a": "1", "b": "2"}, {"a": "1"}, False),
        ({"a": "2"}, {"a": "1"}, False),
        ({"b": "1"}, {"a": "1"}, False),
        ({}, {"a": "1"}, False),
        ([{"name": "a"}], [{"name": "a"}], True),
        ([{"name": "a"}, {"name": "b"}], [{"name": "a"}], False),
        ([{"name": "b"}, {"name": "a"}], [{"name": "a"}, {"name": "b"}], True),
    ],
)
def test_additions_count_where_they_change_what_it_does(field: str, live: Any, wanted: Any, covered: bool) -> None:
    """Whom it selects, what a program is told, who gets rights; however deep."""
    assert covers({"spec": {field: live}}, {"spec": {field: wanted}}) == covered


@pytest.mark.parametrize("added", [{"a": "1", "b": "2"}, [{"name": "a"}, {"name": "b"}]])
def test_additions_do_not_count_elsewhere(added: Any) -> None:
    wanted = {"a": "1"} if isinstance(added, dict) else [{"name": "a"}]
    assert covers({"spec": {"other": added}}, {"spec": {"other": wanted}})


def test_where_nothing_is_wanted_an_addition_counts_too() -> None:
    assert not covers({"env": [{"name": "a"}]}, {"env": []})
    assert not covers({"selector": {"a": "b"}}, {"selector": {}})


@pytest.mark.parametrize(
    ("wanted", "live", "patch"),
    [
        ({"spec": {"selector": {"a": "1"}}}, {"spec": {"selector": {"a": "1", "b": "2"}}},
         {"spec": {"selector": {"a": "1", "b": None}}}),
        ({"matchLabels": {"a": "1"}}, {"matchLabels": {"b": "2"}}, {"matchLabels": {"a": "1", "b": None}}),
        ({"selector": {"matchLabels": {"a": "1"}}}, {"selector": {"matchLabels": {"b": "2"}, "matchExpressions": []}},
         {"selector": {"matchLabels": {"a": "1", "b": None}, "matchExpressions": None}}),
        ({"labels": {"a": "1"}}, {"labels": {"b": "2"}}, {"labels": {"a": "1"}}),  # others may add labels
        ({"env": [{"name": "a"}]}, {"env": [{"name": "a"}, {"name": "b"}]}, {"env": [{"name": "a"}]}),  # as a whole
        ({"selector": {"a": "1"}}, {}, {"selector": {"a": "1"}}),
        ({"selector": {"a": "1"}}, {"selector": None}, {"selector": {"a": "1"}}),
    ],
)  # fmt: skip
def test_without_additions(wanted: Any, live: Any, patch: Any) -> None:
    before = copy.deepcopy(wanted)
    assert without_additions(wanted, live) == patch
    assert wanted == before


@given(
    st.dictionaries(st.sampled_from(["a", *EXACT]), DOCUMENTS),
    st.dictionaries(st.sampled_from(["b", *EXACT]), DOCUMENTS),
)
def test_what_was_added_is_gone_after_the_patch(wanted: dict[str, Any], live: dict[str, Any]) -> None:
    assert covers(merge(live, without_additions(wanted, live)), wanted)


@pytest.mark.parametrize(
    ("live", "wanted", "found"),
    [
        ({"spec": {"a": 1, "b": 2}, "status": {"c": 3}}, {"spec": {"a": 9}}, {"spec": {"a": 1}}),
        ({}, {"spec": {"a": 9}}, {"spec": None}),
        ({"list": [1, 2]}, {"list": [1]}, {"list": [1, 2]}),
        ({"selector": {"a": 1, "b": 2}}, {"selector": {"a": 1}}, {"selector": {"a": 1, "b": 2}}),
        ({"a": "text"}, {"a": {"b": 1}}, {"a": "text"}),
    ],
)
def test_part(live: Any, wanted: Any, found: Any) -> None:
    assert part(live, wanted) == found


def test_without_content() -> None:
    assert without_content({"kind": "Secret", "stringData": {"a": "b"}, "data": {}}) == {"kind": "Secret", "data": {}}
