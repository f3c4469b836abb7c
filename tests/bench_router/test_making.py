"""What is made before anything is measured: requests, forms, trees, times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.router.clock import Cores, cores
from benchmarks.router.envoys import Running, listening
from benchmarks.router.forms import FORMS, Bootstrap, Ground, form
from benchmarks.router.results import BASE
from benchmarks.router.run import seconds_each, turns
from benchmarks.router.trees import TODAY, NoSuchCommit, exported, rendered
from benchmarks.router.workloads import CHUNKS, PUBLIC, SERVED, WORKLOADS, events, json_answer


def test_the_others_are_compared_with_the_first_form() -> None:
    assert next(iter(FORMS)) == BASE


def test_a_form_is_a_function(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.router.forms.FORMS", {})

    @form("asking", "asks somebody", helper=lambda ground: ["ask", str(ground.folder)])
    def asking(ground: Ground) -> Bootstrap:
        return {"port": ground.engine_port}

    from benchmarks.router.forms import FORMS as found

    made, ground = found["asking"], Ground(tmp_path, 80, "HEAD")
    assert made.bootstrap(ground) == asking(ground) == {"port": 80}
    assert made.helper
    assert made.helper(ground) == ["ask", str(tmp_path)]


def test_todays_tree_is_rendered() -> None:
    text = json.dumps(rendered(TODAY, 1234, Path("/run")))
    assert '"port_value": 1234' in text
    assert SERVED in text


def test_a_commit_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoSuchCommit, match="commit no-such-commit is not in this clone"):
        exported("no-such-commit", tmp_path)


def test_a_form_listens_where_it_shall() -> None:
    made = listening({"static_resources": {"listeners": [{"name": "main"}], "clusters": []}}, 1234)
    (listener,) = made["static_resources"]["listeners"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 1234}
    with pytest.raises(ValueError, match="unpack"):
        listening({"static_resources": {"listeners": [{}, {}]}}, 1234)


@pytest.mark.parametrize("name", WORKLOADS)
def test_requests(name: str) -> None:
    body = WORKLOADS[name].body
    head, _, sent = WORKLOADS[name].request().partition(b"\r\n\r\n")
    assert sent == body
    assert f"content-length: {len(body)}".encode() in head
    assert json.loads(body)["model"] == PUBLIC


def test_sizes() -> None:
    assert 250 <= len(WORKLOADS["json"].body) <= 350
    for name in ("first", "last"):
        assert 30 << 10 <= len(WORKLOADS[name].body) <= 34 << 10
    assert next(iter(json.loads(WORKLOADS["first"].body))) == "model"
    assert list(json.loads(WORKLOADS["last"].body))[-1] == "model"


def test_answers() -> None:
    assert len(events()) == CHUNKS
    assert all(json.loads(event[6:])["model"] == SERVED for event in events()[:-1])
    assert json.loads(json_answer())["usage"]["completion_tokens"] == CHUNKS - 2


@pytest.mark.parametrize(("seconds", "streams"), [(0.1, 1), (1.4, 1), (1.6, 2), (3.0, 3)])
def test_a_paced_round_is_of_whole_streams(seconds: float, streams: int) -> None:
    """The last one begins before the time is over, and the next one would begin after it, though each is a little late."""
    lasts = WORKLOADS["paced"].lasts
    assert (streams - 1) * lasts * 1.1 < WORKLOADS["paced"].asks_for(seconds) < streams * lasts
    assert WORKLOADS["json"].asks_for(seconds) == seconds


@pytest.mark.parametrize(("pairs", "seconds"), [(15, 2.73), (30, 1.01), (300, 0.1)])
def test_more_forms_get_less_time_each(pairs: int, seconds: float) -> None:
    assert seconds_each(6, 7, pairs) == pytest.approx(seconds, abs=0.01)


def test_forms_take_turns() -> None:
    plain, now = (Running(FORMS[name], 80, {}, Path("log")) for name in ("plain", "now"))
    assert list(turns(["json", "burst"], [plain, now])) == [
        ("json", plain), ("json", now), ("burst", plain), ("burst", now),
    ]  # fmt: skip


def test_envoy_has_a_core_for_itself() -> None:
    assert cores({3, 5, 4}) == Cores(5, frozenset({3, 4}))
    with pytest.raises(ValueError, match="two cores"):
        cores({0})
