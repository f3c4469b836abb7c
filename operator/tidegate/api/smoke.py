"""Smoke tests: requests that a new revision must answer before anybody else asks it."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

import regex
from pydantic import Field

from tidegate.api.base import FreeForm, Name, Part, Rule
from tidegate.api.values import Duration, seconds

POINTER = r"^[A-Za-z0-9_-]+(\[[0-9]{1,4}\])*(\.[A-Za-z0-9_-]+(\[[0-9]{1,4}\])*){0,15}$"


def compiles(pattern: str) -> bool:
    """Whether it is a regular expression."""
    try:
        regex.compile(pattern)
    except regex.error:
        return False
    return True


class JsonValue(Part):
    """A value in an answer that is JSON."""

    path: Annotated[str, Field(pattern=POINTER, max_length=256)]
    """Where: `choices[0].finish_reason`."""
    equals: Annotated[str, Field(max_length=1024)]
    """What stands there: a string as it is, anything else as JSON, for example `true` or `3`."""

    def steps(self) -> list[str | int]:
        """Keys and indices, from the outside in."""
        return [
            int(index) if index else key
            for key, index in re.findall(r"([A-Za-z0-9_-]+)(?![0-9]*\])|\[([0-9]+)\]", self.path)
        ]


class Expect(Part):
    """What an answer must be; everything that is given must hold."""

    status: Annotated[int, Field(ge=100, le=599, json_schema_extra={"default": 200})] = 200
    """Its status."""
    contains: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """A text that stands in the body."""
    matches: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """A regular expression that fits somewhere in the body. One that takes longer than 100 ms counts as a wrong answer."""
    json_value: JsonValue | None = None
    """A value in the body."""
    within: Duration = "30s"
    """Time for the whole answer."""

    rules: ClassVar = (
        Rule(
            "!has(self.within) || (duration(self.within) >= duration('100ms') && duration(self.within) <= duration('10m'))",
            "within must be between 100ms and 10m, for example 10s",
            lambda e: 0.1 <= seconds(e.within) <= 600,
            ".within",
        ),
        Rule(
            "!has(self.matches) || [''.matches(self.matches)].size() == 1",  # one that does not compile is an error of the rule
            "matches must be a regular expression, for example ^[0-9]+$",
            lambda e: e.matches is None or compiles(e.matches),
            ".matches",
        ),
    )


class SmokeTest(Part):
    """One request to an engine of the new revision."""

    name: Name
    """What it is called in the status."""
    path: Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=512)] = "/v1/chat/completions"
    """Where the request goes."""
    request: FreeForm | None = None
    """Its body, as JSON; `model` is filled in where it is missing. Without it a GET is sent."""
    expect: Expect = Expect()
    """What the answer must be."""
