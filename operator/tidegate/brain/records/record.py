"""What Envoy says of one request: envoy/observe.py writes the words, this reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.envoy.caching import AGAIN, CACHED
from tidegate.envoy.observe import RECORD_FIELD

OF_ENGINE: Final = "via_upstream"
NONE: Final = "-"
"""How Envoy writes what there is not."""
UNTOLD: Final = (NONE,) * 6
"""Of a request that the native filter has not seen (native/src/route/told.rs)."""
NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(slots=True)  # to make one that is frozen takes as long as all the rest of reading it
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
    duration: float
    first_token: float | None
    """Of a stream."""
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
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
    ours, first = said[RECORD_FIELD].split("\n", 1)
    route, destination, status, flags, details, duration, told, too_long, refused, reserved = ours.split(" ", 9)
    again = details == AGAIN
    first_token, prompt, cached, completion, events, broken = UNTOLD if told == NONE else told.split(",")
    return Record(
        route=_text(route),
        destination=CACHED if again else _text(destination),
        status=int(status),
        flags=NOTHING if flags == NONE else frozenset(flags.split(",")),
        of_engine=again or details == OF_ENGINE,
        broken=broken != NONE,
        duration=(_count(duration) or 0) / 1e3,
        first_token=None if first_token == NONE else int(first_token) / 1e6,
        prompt_tokens=_count(prompt),
        cached_tokens=_count(cached),
        completion_tokens=_count(completion),
        first="" if route == NONE else _text(first),
        events=_count(events) or 0,
        reserved=_text(reserved.removeprefix(f"{NONE} ").removesuffix(f" {NONE}")),
        too_long=too_long != NONE,
        refused=_text(refused),
    )


def _text(word: str) -> str:
    return "" if word == NONE else word


def _count(word: str) -> int | None:
    return None if word == NONE else int(word)
