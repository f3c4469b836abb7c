"""One tiny round of every form under three workloads, on real Envoys."""

from __future__ import annotations

import pytest

from benchmarks.router.forms import FORMS
from benchmarks.router.run import place, run

pytestmark = pytest.mark.envoy
ASKED = ("json", "unasked", "paced")
"""The others send the same to the same places: longer prompts, and a stream whose client asks for its usage."""


def test_every_form_gives_right_answers() -> None:
    with place("HEAD") as here:
        results = run(here, rounds=1, minutes=0, workloads=ASKED)
    assert set(results.forms) == set(FORMS)
    assert results.forms["earlier"] == "the router of commit HEAD"
    assert set(results.pairs()) == {(workload, form) for workload in ASKED for form in FORMS}
    assert all(results.cpu(*pair).median > 10 for pair in results.pairs())


def test_a_commit_that_is_not_there_leaves_its_form_out() -> None:
    with place("no-such-commit") as here:
        results = run(here, rounds=1, minutes=0, workloads=["json"])
    assert results.left_out == {"earlier": "commit no-such-commit is not in this clone"}
    assert "earlier" not in results.rounds["json"]
