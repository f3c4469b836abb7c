"""One line for each thing that happened: the table of tidegate/cli/logs.py, row by row."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from tidegate.cli import logs

OURS = "tidegate.test"
KOPF = "kopf._core.reactor.observation"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.LIBRARIES}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def written(*said: tuple[str, int, str], level: str = "INFO", form: str = "text", after: float = 0.0) -> list[str]:
    """The lines that these (logger, level, sentence) become, `after` seconds apart."""
    stream = io.StringIO()
    logs.begin(level, form, stream)
    for number, (name, severity, sentence) in enumerate(said):
        logger = logging.getLogger(name)
        if not logger.isEnabledFor(severity):
            continue
        record = logger.makeRecord(name, severity, "file", 1, sentence, (), None)
        record.created = 1_000_000.0 + number * after
        logger.handle(record)
    return stream.getvalue().splitlines()


def test_ours_at_the_level_and_above() -> None:
    said = [(OURS, logging.DEBUG, "a"), (OURS, logging.INFO, "b"), (OURS, logging.ERROR, "c")]
    assert written(*said) == [
        "1970-01-12T13:46:40.000Z INFO tidegate.test: b",
        "1970-01-12T13:46:40.000Z ERROR tidegate.test: c",
    ]
    assert len(written(*said, level="DEBUG")) == 3
    assert len(written(*said, level="ERROR")) == 1


def test_libraries_speak_when_something_is_wrong() -> None:
    assert (
        written(
            ("kopf.x", logging.INFO, "a"), ("httpx", logging.INFO, "b"), ("aiohttp", logging.DEBUG, "c"), level="DEBUG"
        )
        == []
    )
    assert len(written(("kopf.x", logging.WARNING, "a"))) == 1
    assert written(("kopf.x", logging.WARNING, "a"), level="ERROR") == []


def test_missing_optional_kinds_are_no_alarm() -> None:
    text = (
        "Unresolved resources cannot be served (try creating their CRDs): {EntireGroup(group='monitoring.coreos.com')}"
    )
    assert written((KOPF, logging.WARNING, text)) == []


def test_missing_kinds_of_ours_are_one() -> None:
    text = "Unresolved resources cannot be served (try creating their CRDs): {'modeldeployments.v1alpha1.tidegate.dev'}"
    assert len(written((KOPF, logging.WARNING, text))) == 1


def test_repeated_sentences_are_written_once() -> None:
    same = [(OURS, logging.INFO, "again")] * 5
    assert len(written(*same, after=1.0)) == 1
    assert len(written(*same, ("another", logging.INFO, "again"), after=1.0)) == 2


def test_a_repeated_sentence_says_later_how_often() -> None:
    lines = written(*[(OURS, logging.INFO, "again")] * 5, after=100.0)
    assert [line.partition("again")[2] for line in lines] == ["", " (2 more since it was last written)"]


def test_only_so_many_sentences_are_remembered() -> None:
    once = logs.Once()
    for number in range(logs.REMEMBERED + 10):
        record = logging.LogRecord(OURS, logging.INFO, "file", 1, "%d", (number,), None)
        assert once.filter(record)
    assert len(once._said) == logs.REMEMBERED


def test_several_lines_are_one() -> None:
    assert written((OURS, logging.INFO, "one\ntwo")) == ["1970-01-12T13:46:40.000Z INFO tidegate.test: one\\ntwo"]


def test_json_is_one_object_a_line() -> None:
    lines = written(*[(OURS, logging.WARNING, "two\nlines")] * 4, form="json", after=150.0)
    assert [json.loads(line) for line in lines] == [
        {"time": "1970-01-12T13:46:40.000Z", "level": "warning", "logger": OURS, "message": "two\nlines"},
        {"time": "1970-01-12T13:51:40.000Z", "level": "warning", "logger": OURS, "message": "two\nlines", "leftOut": 1},
    ]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback(form: str) -> None:
    stream = io.StringIO()
    logs.begin("INFO", form, stream)
    try:
        raise RuntimeError("the reason")
    except RuntimeError:
        logging.getLogger(OURS).exception("what happened")
    lines = stream.getvalue().splitlines()
    assert "what happened" in lines[0]
    whole = json.loads(lines[0])["error"] if form == "json" else "\n".join(lines[1:])
    assert whole.startswith("Traceback")
    assert whole.endswith("RuntimeError: the reason")
    assert len(lines) == 1 or form == "text"
