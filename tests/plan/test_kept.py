"""Rendered templates are kept as they are for as long as their revision lives."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import live, model
from tidegate import names
from tidegate.plan.kept import record, records
from tidegate.plan.kube.objects import child, revision_labels

OWNER = model("llama")


def made(
    revision: str, known: dict[str, Any] | None = None, data: Any = None, version: str = "1.0.0"
) -> dict[str, Any]:
    labels = revision_labels("llama", revision)
    return record(OWNER, f"llama-{revision}", labels, data or {"spec": 1}, known or {}, version)


def test_the_first() -> None:
    first = made("aa")
    assert (first["kind"], first["metadata"]["name"], first["revision"]) == ("ControllerRevision", "llama-aa", 1)
    assert first["data"] == {"spec": 1}
    assert first["metadata"]["annotations"] == {names.OPERATOR_VERSION_ANNOTATION: "1.0.0"}
    assert first["metadata"]["ownerReferences"][0]["uid"] == OWNER["metadata"]["uid"]


@pytest.mark.parametrize(("numbers", "following"), [([1], 2), ([1, 7, 3], 8), ([], 1)])
def test_a_new_one_has_the_next_number(numbers: list[int], following: int) -> None:
    known = {f"r{n}": live(made(f"r{n}")) | {"revision": n} for n in numbers}
    assert made("new", known)["revision"] == following


def test_one_that_is_kept_keeps_its_number_and_who_rendered_it() -> None:
    known = {"aa": live(made("aa")), "bb": live(made("bb")) | {"revision": 5}}
    again = made("aa", known, version="2.0.0")
    assert again["revision"] == 1
    assert again["metadata"]["annotations"] == {names.OPERATOR_VERSION_ANNOTATION: "1.0.0"}


def test_one_of_an_operator_that_did_not_note_its_version() -> None:
    old = live(made("aa"))
    del old["metadata"]["annotations"]
    assert made("aa", {"aa": old}, version="2.0.0")["metadata"]["annotations"] == {
        names.OPERATOR_VERSION_ANNOTATION: "2.0.0"
    }


def test_records_by_revision() -> None:
    aa, bb = live(made("aa")), live(made("bb"))
    service = live(child("Service", "llama-aa", OWNER, revision_labels("llama", "aa"), {}))
    assert records([service, aa, bb]) == {"aa": aa, "bb": bb}


@pytest.mark.parametrize("labels", [None, {}, {names.REVISION_LABEL: "other"}])
def test_a_record_is_found_by_its_name(labels: Any) -> None:
    """Whatever somebody did to its labels: a revision without its record could never be made again."""
    kept = live(made("aa"))
    kept["metadata"]["labels"] = labels
    assert records([kept]) == {"aa": kept}
    again = made("aa", records([kept]), version="2.0.0")
    assert again["metadata"]["labels"] == made("aa")["metadata"]["labels"], "they are put right"
    assert again["revision"] == kept["revision"]
