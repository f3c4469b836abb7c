"""The APIs, by kind of answer: what each can do with its own answers and streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.brain.cache.apis import messages, responses
from tidegate.brain.cache.apis.streams import Answer
from tidegate.brain.cache.entry import Kind


@dataclass(frozen=True, slots=True)
class Api:
    """One whose streams are made of events with names."""

    joined: Callable[[Iterator[Answer]], Answer]
    """A stream put together. Raises NotWhole, or what Python raises of shapes that the API has not."""
    check: Callable[[Answer], None]
    """Whether an answer is whole; raises the same."""
    said: Callable[[Answer], Iterator[Answer]]
    """The events of a stream of a whole answer."""
    text: Callable[[Answer], str]
    """What a whole answer says; calls of tools are words, too."""


APIS: Final[Mapping[Kind, Api]] = {
    "messages": Api(messages.joined, messages.check, messages.said, messages.text),
    "responses": Api(responses.joined, responses.check, responses.said, responses.text),
}
