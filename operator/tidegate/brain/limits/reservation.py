"""What limits of tokens have reserved for a request, as a text that comes back with its record: nothing has to be remembered, so that nothing
leaks, and a brain that was killed meanwhile settles what the one before it reserved.

the record                                         then this was used
------------------------------------------------   ----------------------------------------------------------------
of an answer that was kept, and given again        nothing
tells of tokens                                    those; of an answer that broke off at least one for each event
tells of none, and events were passed on           the estimate of the prompt, and one for each event
the client left before the first                   the estimate of the prompt
an error, or a refusal                             nothing
went well, and tells of none                       what was reserved
never comes                                        what was reserved, until it has left the window
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tidegate.brain.limits.windows import Charge
from tidegate.brain.records.outcome import outcome
from tidegate.brain.records.record import Record
from tidegate.envoy.caching import CACHED


class Part(NamedTuple):
    """Of one counter."""

    key: str
    at: int
    cost: int
    slice_ms: int


class Reservation(NamedTuple):
    """Of one request."""

    prompt: int
    parts: tuple[Part, ...]


def written(prompt: int, parts: Iterable[tuple[Charge, int]]) -> str:
    """`parts` are the charges in tokens, with their slices. Keys have no spaces: neither clients, addresses nor models have."""
    return " ".join((str(prompt), *(f"{c.key} {at} {c.cost} {c.slice_ms}" for c, at in parts)))


def read(text: str) -> Reservation:
    """Raises ValueError where it is none."""
    prompt, *words = text.split(" ")
    if len(words) % 4:
        raise ValueError("not a reservation")
    return Reservation(int(prompt), tuple(_part(words[i : i + 4]) for i in range(0, len(words), 4)))


def _part(words: Sequence[str]) -> Part:
    key, at, cost, width = words
    return Part(key, int(at), int(cost), int(width))


def used(record: Record, prompt: int) -> int | None:
    """The table, in tokens; None is what was reserved."""
    if record.destination == CACHED:
        return 0
    ended = outcome(record)
    told = record.prompt_tokens is not None or record.completion_tokens is not None
    if told and ended == "ok":
        return (record.prompt_tokens or 0) + (record.completion_tokens or 0)
    if told:
        return (record.prompt_tokens or prompt) + max(record.completion_tokens or 0, record.events)
    if record.events or ended == "cancelled":
        return prompt + record.events
    return None if ended == "ok" else 0
