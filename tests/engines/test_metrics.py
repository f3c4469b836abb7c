"""What vLLM's page says; recorded from vLLM 0.32.0."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tidegate.engines.metrics import NAMES, NEEDED, Page, Unread, arrived, read, seconds_per_token

BUSY = (Path(__file__).parent / "pages/vllm-0.32.0-busy.txt").read_bytes()
SEEN = Page(4, 0, 0.002441704309608106, 106.0, 4445.0, 6.0, 11.756944876000944, 4435.0, 106.0)


def test_a_recorded_page() -> None:
    assert read(BUSY) == SEEN


def test_without_a_line_break_at_either_end() -> None:
    page = b"\n" + BUSY[BUSY.index(b"# HELP vllm:") :].rstrip()
    assert read(page) == SEEN


@pytest.mark.parametrize("number", list(NAMES))
def test_a_name_that_is_gone(number: str) -> None:
    page = BUSY.replace(b"\n" + NAMES[number][0], b"\nvllm:other")
    found = read(page)
    if number in NEEDED:
        assert isinstance(found, Unread)
        assert found.missing.split(" or ")[0].encode() == NAMES[number][0]
    else:
        assert found == replace(SEEN, **{number: 0.0})  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [number for number, names in NAMES.items() if len(names) > 1])
def test_an_older_name(number: str) -> None:
    newer, older = NAMES[number]
    assert read(BUSY.replace(b"\n" + newer, b"\n" + older)) == SEEN


@pytest.mark.parametrize("value", [b"NaN", b"+Inf", b"-1", b"", b"many"])
def test_what_is_no_number_is_missing(value: bytes) -> None:
    page = BUSY.replace(
        b'kv_cache_usage_perc{engine="0",model_name="tiny"} 0.002441704309608106', b"kv_cache_usage_perc{} " + value
    )
    assert read(page) == Unread("vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc", "kv")


def test_several_ranks_are_one_engine() -> None:
    lines = [line for line in BUSY.split(b"\n") if line.startswith(b"vllm:") and b'engine="0"' in line]
    groups = {line.split(b"{")[0]: [] for line in lines}  # type: dict[bytes, list[bytes]]
    for line in lines:
        groups[line.split(b"{")[0]] += [line, line.replace(b'engine="0"', b'engine="1"')]
    page = b"".join(b"\n# TYPE x\n" + b"\n".join(group) for group in groups.values())
    assert read(page) == replace(
        SEEN,
        running=8,
        prompt=212.0,
        queries=212.0,
        generated=8890.0,
        finished=12.0,
        token_seconds=SEEN.token_seconds * 2,
        tokens=8870.0,
    )


def test_a_label_with_blanks_and_braces() -> None:
    page = BUSY.replace(b'model_name="tiny"', b'model_name="a } b 7 {"')
    assert read(page) == SEEN


def test_a_page_of_something_else() -> None:
    assert read(b"<html>") == read(b"") == Unread("vllm:num_requests_running", "running")


LATER = replace(SEEN, generated=4500.0, prompt=120.0, finished=8.0, tokens=4485.0, token_seconds=12.256944876000944)


def test_between_two_readings() -> None:
    assert seconds_per_token(SEEN, LATER) == pytest.approx(0.010)
    assert seconds_per_token(LATER, SEEN) == 0.0
    assert seconds_per_token(SEEN, SEEN) == 0.0


@pytest.mark.parametrize(
    ("now", "requests"),
    [
        (LATER, 2),
        (replace(LATER, waiting=3), 5),
        (replace(SEEN, running=2), 0),
        (Page(1, 1, 0.0, 0.0, 0.0), 0),
        (Page(7, 0, 0.0, 0.0, 0.0), 3),
    ],
)
def test_arrivals_that_no_router_counts(now: Page, requests: int) -> None:
    assert arrived(SEEN, now) == requests
