"""What Envoy says of one request: envoy/observe.py writes the fields, this reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.envoy.caching import AGAIN, CACHED

OF_ENGINE: Final = "via_upstream"
NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Record:
    """One request. Times are in seconds from the request's first byte; what is not known is None."""

    route: str
    destination: str
    """Name of the destination that was asked last; empty for what the router answered itself."""
    status: int
    flags: frozenset[str]
    of_engine: bool
    """Whether the answer is an engine's."""
    broken: bool
    """A stream that ended without its end, or with an error event."""
    streamed: bool
    duration: float
    first_token: float | None
    """Of a stream."""
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    client: str
    """The id of who asked; empty where clients have no keys."""
    first: str = ""
    """Name of the destination that the weights chose, where another one may be asked after it; empty elsewhere."""
    events: int = 0
    """Of a stream, passed on to the client; counted where there are limits."""
    reserved: str = ""
    """What limits have reserved for it (brain/decide/reservation.py); empty for nothing."""

    too_long: bool = False
    """Whether somebody who was asked said that the context is too long for him."""
    refused: str = ""
    """The destination of a provider that did not take our key, if one was asked."""

    @property
    def moved(self) -> bool:
        """Whether another one was asked after it: it has failed then, whatever became of the request. A brain that has no answer to give again
        has failed nobody."""
        return bool(self.first and self.destination and self.first not in (self.destination, CACHED))

    @property
    def waited(self) -> bool:
        """Whether the brain was asked before for an answer that it would be given again, and had none in the end."""
        return self.first == CACHED != self.destination


def read(said: Mapping[str, Any]) -> Record:
    """Raises KeyError or ValueError where it is not a record of ours."""
    again = said["details"] == AGAIN
    return Record(
        route=said["route"] or "",
        destination=CACHED if again else said["destination"] or "",
        status=int(said["status"]),
        flags=frozenset(said["flags"].split(",")) if said["flags"] else NOTHING,
        of_engine=again or said["details"] == OF_ENGINE,
        broken=bool(said["broken"]),
        streamed=(said["content_type"] or "").startswith("text/event-stream"),
        duration=(said["duration_ms"] or 0) / 1000,
        first_token=_seconds(said["first_token_ms"]),
        prompt_tokens=_count(said["prompt_tokens"]),
        cached_tokens=_count(said["cached_tokens"]),
        completion_tokens=_count(said["completion_tokens"]),
        client=said["client"] or "",
        first=said.get("first") or "",
        events=_count(said.get("events")) or 0,
        reserved=said.get("reserved") or said.get("allowed") or "",
        too_long=bool(said.get("too_long")),
        refused=said.get("refused") or "",
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _count(number: float | None) -> int | None:
    return None if number is None else int(number)
