"""What an answer says of its tokens is in the access log, however it was cut and even if it broke off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.envoy.conftest import RealEnvoy
from tests.envoy.hostile.wire import ask, request
from tests.envoy.native.conftest import offer
from tests.envoy.native.player import END, JSON, MOMENT, STREAM, Stage, Step, Then, chunk, event
from tests.envoy.waiting import until
from tidegate.contract.observation import Observation
from tidegate.contract.streams import Streams
from tidegate.envoy import observe
from tidegate.envoy.types import extension

pytestmark = pytest.mark.envoy

WORDS = ("first", "prompt", "cached", "completion", "events", "broken")
"""As native/src/route/told.rs has them."""
USAGE = '{"prompt_tokens":20,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":16}}'
FINAL = f'data: {{"choices":[],"usage":{USAGE}}}\n\ndata: [DONE]\n\n'.encode()
ANTHROPIC = (
    'event: message_start\ndata: {"message":{"usage":{"input_tokens":20,"cache_read_input_tokens":16,"output_tokens":1}}}\n\n'
    'event: message_delta\ndata: {"usage":{"output_tokens":7}}\n\n'
)


def cut(data: bytes, size: int) -> tuple[Step, ...]:
    """In chunks of a size."""
    return tuple(chunk(data[at : at + size]) for at in range(0, len(data), size))


ANSWERS: dict[str, tuple[Step, ...]] = {
    "JSON": (JSON, chunk(f'{{"usage":{USAGE}}}'.encode()), END),
    "one piece": (STREAM, chunk(FINAL), END),
    "pieces of 7 bytes": (STREAM, *cut(FINAL, 7), END),
    "a broken stream": (STREAM, event(f'{{"usage":{USAGE}}}'), MOMENT, Then.RESET),
    "Anthropic's": (STREAM, chunk(ANTHROPIC.encode()), END),
}


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An access log with what the filter found."""
    path = tmp_path / "access.log"
    kind = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
    line = {"text_format_source": {"inline_string": "%DYNAMIC_METADATA(tidegate:told)%\n"}}
    written = extension("log", kind, path=str(path), log_format=line)
    monkeypatch.setattr(observe, "access_logs", lambda: [written])
    return path


def told(log: Path) -> dict[str, int | None]:
    """The one line, once it is there."""
    until(lambda: log.exists() and log.read_text().endswith("\n"))
    words = log.read_text().rstrip("\n").split(",")
    return dict(zip(WORDS, (None if word == "-" else int(word) for word in words), strict=True))


@pytest.mark.parametrize("answer", ANSWERS)
def test_tokens_are_in_the_access_log(envoy: RealEnvoy, stage: Stage, log: Path, answer: str) -> None:
    offer(envoy, stage.player(MOMENT, *ANSWERS[answer]))
    ask(envoy.port, request())
    found = told(log)
    first = found.pop("first")
    broken = 1 if answer == "a broken stream" else None
    assert found == {"prompt": 20, "cached": 16, "completion": 7, "events": None, "broken": broken}
    if answer == "JSON":
        assert first is None, "it is no stream"
    else:
        assert MOMENT * 1e6 <= (first or 0) < 60e6


@pytest.mark.parametrize("end_broken", [True, False])
@pytest.mark.parametrize("size", [7, 10_000])
def test_usage_is_asked_for_and_kept_from_a_client_that_did_not_ask(
    envoy: RealEnvoy, stage: Stage, log: Path, size: int, end_broken: bool
) -> None:
    text = b'data: {"choices":[{"delta":{"content":"one"}}],"usage":null}\n\n'
    engine = stage.player(STREAM, *cut(text + FINAL, size), END)
    offer(envoy, engine, observation=Observation(stream_tokens=True), streams=Streams(end_broken=end_broken))
    answer = ask(envoy.port, request(b'{"model":"chat","stream":true}'))
    assert engine.bodies == [b'{"stream_options":{"include_usage":true},"model":"served-a","stream":true}']
    assert answer.body == text + b"data: [DONE]\n\n"
    assert told(log)["completion"] == 7


@pytest.mark.parametrize(
    ("counted", "body"),
    [
        (True, b'{"model":"served-a","stream":true,"stream_options":{"include_usage":true}}'),
        (True, b'{"model":"served-a","stream":true,"stream_options":null}'),
        (True, b'{"model":"served-a"}'),
        (False, b'{"model":"served-a","stream":true}'),
    ],
)
def test_what_a_client_says_of_usage_counts(envoy: RealEnvoy, stage: Stage, counted: bool, body: bytes) -> None:
    engine = stage.player(STREAM, chunk(FINAL), END)
    offer(envoy, engine, observation=Observation(stream_tokens=counted))
    assert ask(envoy.port, request(body.replace(b"served-a", b"chat"))).body == FINAL
    assert engine.bodies == [body]


def test_of_an_answer_with_a_length_nothing_is_taken(envoy: RealEnvoy, stage: Stage) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(FINAL)
    offer(envoy, stage.player(head, FINAL), observation=Observation(stream_tokens=True))
    assert ask(envoy.port, request(b'{"model":"chat","stream":true}')).body == FINAL
