"""What Envoy says of a request with a ticket when it is over: envoy/caching.py writes the fields, this reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.brain.records.outcome import LEFT, TOO_MANY
from tidegate.brain.records.record import NOTHING

OK: Final = 200


@dataclass(frozen=True, slots=True)
class Answered:
    """One request."""

    ticket: str
    destination: str
    """Who answered."""
    left: bool
    """Whether the client went before the end."""
    streamed: bool
    answer: str
    """Its bytes; empty where they are not whole, or too many."""
    status: int

    @property
    def may_be_otherwise(self) -> bool:
        """Whether the same question may have an answer the next time: its client left, or an engine failed. What is refused for what it
        says is refused again."""
        return self.left or self.status in (0, TOO_MANY) or self.status >= 500


def read(said: Mapping[str, Any]) -> Answered:
    """Raises KeyError, TypeError or ValueError where it is none."""
    flags = frozenset(said["flags"].split(",")) if said["flags"] else NOTHING
    return Answered(
        ticket=said["ticket"] or "",
        destination=said["destination"] or "",
        left=bool(flags & LEFT),
        streamed=(said["content_type"] or "").startswith("text/event-stream"),
        answer=said["answer"] or "",
        status=int(said["status"] or 0),
    )
