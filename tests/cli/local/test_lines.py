"""Envoy's lines, for people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.cli.local.lines import line

SAID = {
    "time": "2026-11-26T12:03:01.123Z",
    "method": "POST",
    "path": "/v1/chat/completions",
    "model": "chat",
    "backend": "small",
    "status": 200,
    "flags": "-",
    "attempts": 1,
    "duration_ms": 340,
}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "12:03:01  200  chat -> small                340 ms  POST /v1/chat/completions"),
        (
            {"attempts": 2},
            "12:03:01  200  chat -> small                340 ms  POST /v1/chat/completions  2 engines asked",
        ),
        (
            {"backend": None, "status": 404, "attempts": None},
            "12:03:01  404  chat                         340 ms  POST /v1/chat/completions",
        ),
        (
            {"model": None, "backend": None, "flags": "DC", "duration_ms": None},
            "12:03:01  200  -                              0 ms  POST /v1/chat/completions  DC",
        ),
    ],
)
def test_a_request(changes: dict[str, Any], wanted: str) -> None:
    assert line(json.dumps(SAID | changes).encode()) == wanted


@pytest.mark.parametrize("said", ["[warning] x", "3", '{"a": 1}', ""])
def test_anything_else(said: str) -> None:
    assert line(said.encode() + b"\n") == said
