"""Every recording of a real vLLM 0.32.0 has its double."""

import json
from typing import Any

import pytest

from tests.engine_sim import recording
from tests.engine_sim.support import RECORDINGS, Client, Response, Sim, chat_body, running

LONG: dict[str, Any] = {"max_tokens": 500, "ignore_eos": True, "model": "tiny"}


def assert_same(answer: Response, name: str) -> None:
    """The answer is the recording, but for what must vary."""
    recorded = recording.load(RECORDINGS / name)
    assert answer.status_line == recorded.status_line
    assert recording.header_shape(answer.headers) == recording.header_shape(recorded.headers)
    assert recording.body_shape(answer) == recording.body_shape(recorded)


REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "completions.http": ("/v1/completions", {"model": "tiny", "prompt": "one two three", "max_tokens": 4}),
    "messages.http": ("/v1/messages", chat_body("hi", model="tiny", max_tokens=4)),
    "responses.http": ("/v1/responses", {"model": "tiny", "input": "hi", "max_output_tokens": 4}),
    "tokenize.http": ("/tokenize", chat_body("hi", model="tiny")),
    "error_embeddings_on_chat_model.http": ("/v1/embeddings", {"model": "tiny", "input": "hi"}),
    "error_too_long.http": ("/v1/chat/completions", chat_body("hi", model="tiny", max_tokens=5000)),
    "error_unknown_model.http": ("/v1/chat/completions", chat_body("hi", model="nope")),
}

STREAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat_stream.http": ("/v1/chat/completions", chat_body("hi", model="tiny", max_tokens=4)),
    "completions_stream.http": ("/v1/completions", {"model": "tiny", "prompt": "one two three", "max_tokens": 4}),
    "messages_stream.http": ("/v1/messages", chat_body("hi", model="tiny", max_tokens=4)),
    "responses_stream.http": ("/v1/responses", {"model": "tiny", "input": "hi", "max_output_tokens": 4}),
}

ALONE = {"chat.http", "embeddings.http", "error_bad_json.http", "error_busy.http", "error_draining.http"}


@pytest.mark.parametrize("name", REQUESTS)
def test_answer(sim: Sim, name: str) -> None:
    assert_same(sim.post(*REQUESTS[name]), name)


@pytest.mark.parametrize("name", STREAMS)
def test_stream_with_usage_forced(name: str, forced: Sim) -> None:
    path, body = STREAMS[name]
    assert_same(forced.post(path, body | {"stream": True}), name)


@pytest.fixture(scope="module")
def forced() -> Any:
    with running("--served-model-name", "tiny", "--enable-force-include-usage", SPEED=10) as sim:
        yield sim


def test_chat_with_load_report(sim: Sim) -> None:
    body = chat_body("hi", model="tiny", max_tokens=8)
    answer = sim.post("/v1/chat/completions", body, **{"endpoint-load-metrics-format": "JSON"})
    assert_same(answer, "chat.http")


def test_load_report_as_text(sim: Sim) -> None:
    answer = sim.post("/v1/completions", {"prompt": "hi"}, **{"endpoint-load-metrics-format": "TEXT"})
    wanted = "TEXT named_metrics.num_requests_waiting=0.0, named_metrics.kv_cache_usage_perc=0.0"
    assert answer.header("endpoint-load-metrics") == wanted


def test_streams_carry_no_load_report(sim: Sim) -> None:
    body = chat_body("hi", stream=True)
    answer = sim.post("/v1/chat/completions", body, **{"endpoint-load-metrics-format": "JSON"})
    assert answer.header("endpoint-load-metrics") is None


def test_bad_json(sim: Sim) -> None:
    answer = sim.request("POST", "/v1/chat/completions", b'{"model":"tiny","messages":')
    assert_same(answer, "error_bad_json.http")


def test_models(sim: Sim) -> None:
    recorded = json.loads((RECORDINGS / "models.json").read_text())
    assert recording.shape(sim.get("/v1/models").json()) == recording.shape(recorded)


def test_embeddings() -> None:
    with running("--runner", "pooling", "--convert", "embed", "--served-model-name", "tiny") as pooling:
        answer = pooling.post("/v1/embeddings", {"model": "tiny", "input": "one two three"})
        assert_same(answer, "embeddings.http")
        assert pooling.chat().status == 404


def test_busy_and_draining() -> None:
    flags = ("--served-model-name", "tiny", "--max-num-queued-reqs", "1", "--shutdown-timeout", "20")
    with running(*flags) as sim, sim.start("/v1/chat/completions", chat_body(stream=True, **LONG)) as busy:
        busy.head()
        refused = sim.post("/v1/chat/completions", chat_body(model="tiny"), connection="close")
        assert_same(refused, "error_busy.http")
        assert sim.metric('vllm:admission_rejections_total{model_name="tiny",reason="max_num_queued_reqs"}') == 1
        sim.terminate()
        sim.wait_until(draining=True)
        with Client(sim.port) as client:
            client.send("POST", "/v1/chat/completions", json.dumps(chat_body(model="tiny")).encode())
            assert_same(client.receive(), "error_draining.http")
            assert client.stream.read() == b""


def test_every_recording_is_tested() -> None:
    recorded = {path.name for path in RECORDINGS.glob("*.http")}
    assert recorded == {*REQUESTS, *STREAMS, *ALONE}
