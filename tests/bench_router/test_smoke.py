"""One tiny round of every form that needs no package of others, on real Envoys, brains and a Valkey."""

from __future__ import annotations

import pytest

from benchmarks.rivals import Missing
from benchmarks.router import forms, run
from benchmarks.router.forms import FORMS, STORE, Form
from tidegate.brain.native import built

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.redis,
    pytest.mark.skipif(not built(), reason="no native filters: make native, where cargo is"),
]
OURS = ["direct", "plain", "route", "lines", "records", "known", "guarded", "asked", "reserved"]
ASKED = ["json", "steady", "paced", "short"]
"""The others send the same to the same places: longer prompts, and a stream at once."""


def _missing(_: forms.Ground) -> list[forms.Part]:
    raise Missing("not to be had")


def test_every_form_gives_right_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMS, "other", Form("other", "somebody else's", _missing))
    with run.place() as here:
        results = run.run(here, 1, 0, [*OURS, "other"], ASKED)
    assert results.left_out == {"other": "not to be had"}
    expected = {(w, name) for w in ASKED for name in OURS if w in FORMS[name].workloads}
    assert set(results.pairs()) == expected
    assert all(results.cpu(*pair).median > 10 for pair in results.pairs() if pair[1] != "direct")
    for name, part in (("asked", "brain"), ("reserved", "brain"), ("reserved", STORE)):
        found = results.part("json", name, part)
        assert found
        assert found.median > 1, (name, part)
