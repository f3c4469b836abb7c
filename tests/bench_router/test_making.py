"""What is made before anything is measured: requests, forms, trees, times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import rivals
from benchmarks.rivals import Missing, Package
from benchmarks.router import documents
from benchmarks.router.clock import Cores, cores
from benchmarks.router.forms import FORMS, Ground, Part, form, listening
from benchmarks.router.results import BASE
from benchmarks.router.run import seconds_each, turns
from benchmarks.router.sides import Running
from benchmarks.router.workloads import CHUNKS, PUBLIC, SERVED, WORKLOADS, events, json_answer
from tidegate.contract.router_config import load


def test_a_form_names_its_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.router.forms.FORMS", {})

    @form("asking", "asks somebody", workloads=["json"])
    def asking(ground: Ground) -> list[Part]:
        return [Part("envoy", ["envoy", str(ground.port)]), Part("store", ["store"])]

    from benchmarks.router.forms import FORMS as found

    parts = found["asking"].parts(Ground(tmp_path, 80, 81, 82))
    assert [(part.name, part.beside) for part in parts] == [("envoy", False), ("store", True)]
    assert found["asking"].workloads == ["json"]


@pytest.mark.parametrize(
    "made",
    [documents.document(), documents.lined(), documents.recorded(), documents.guarded(), documents.asked(), documents.reserved(1)],
)  # fmt: skip
def test_documents_are_read_as_they_are_meant(made: dict[str, object]) -> None:
    read = json.loads(load(json.dumps(made)).model_dump_json(by_alias=True, exclude_none=True))
    assert made.keys() <= read.keys()
    assert read["destinations"][0]["engine"]["model"] == SERVED


def test_the_static_one_is_the_same_policy(tmp_path: Path) -> None:
    text = json.dumps(documents.static(tmp_path, [1234, 1235]))
    assert '"port_value": 1235' in text
    assert SERVED in text


def test_what_cannot_be_installed_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    monkeypatch.setattr(rivals, "_do", _refused)
    with pytest.raises(Missing, match="no such package"):
        Package("nothing", "1.0").program()
    (tmp_path / "there-1.0/bin").mkdir(parents=True)
    (tmp_path / "there-1.0/bin/there").touch()
    assert Package("there", "1.0").program() == f"{tmp_path}/there-1.0/bin/there"


def _refused(_: object) -> None:
    raise Missing("no such package")


def test_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Package, "program", lambda self: self.name)
    for command in (rivals.vllm_router(1, 2, [3], "round_robin"), rivals.sglang_router(1, 2, [3], "round_robin")):
        assert command[command.index("--worker-urls") + 1] == "http://127.0.0.1:3"
    assert "--num_workers" in rivals.litellm(1, [3], tmp_path)
    assert json.loads((tmp_path / "config.yaml").read_text())["model_list"][0]["model_name"] == PUBLIC
    assert rivals.gptcache(1, 3, tmp_path)[2:] == ["1", "3", str(tmp_path)]


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


@pytest.mark.parametrize(("pairs", "seconds"), [(15, 2.03), (30, 0.31), (300, 0.1)])
def test_more_forms_get_less_time_each(pairs: int, seconds: float) -> None:
    assert seconds_each(6, 7, pairs) == pytest.approx(seconds, abs=0.01)


def test_forms_take_turns() -> None:
    plain, lines = (Running(FORMS[name], 80) for name in (BASE, "lines"))
    assert list(turns(["json", "burst"], [plain, lines])) == [("json", plain), ("json", lines), ("burst", plain)]


def test_a_router_has_a_core_for_itself() -> None:
    assert cores({3, 5, 4}) == Cores(5, frozenset({3, 4}))
    with pytest.raises(ValueError, match="two cores"):
        cores({0})
