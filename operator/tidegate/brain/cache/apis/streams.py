"""What all streams have in common: their events' data, JSON that can be given again, and texts in pieces.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from math import isfinite
from typing import Any, Final

Answer = dict[str, Any]
PIECE: Final = 24
"""Characters of a piece of a stream at least: some words, so that a stream looks as an engine's does."""
MOST_PIECES: Final = 250
"""Of one text; of a longer one pieces are larger. Each costs the brain some microseconds in which it answers nobody else."""
LONGEST_WORD: Final = 40
"""Characters that are waited for its end: there are languages without spaces."""


class NotWhole(ValueError):
    """It must not be given again; the text is the reason, a word for metrics."""


def data(text: str) -> Iterator[str]:
    """Of each event."""
    said: list[str] = []
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if line.startswith("data:"):
            said.append(line[5:].removeprefix(" "))
        elif not line and said:
            yield "\n".join(said)
            said = []


def parsed(text: str) -> Answer:
    """An object. Raises NotWhole."""
    try:
        found = _JSON.decode(text)
    except (ValueError, RecursionError):
        raise NotWhole("broken") from None
    if not isinstance(found, dict):
        raise NotWhole("broken")
    return found


def _finite(said: str) -> float:
    """JSON has no NaN, and what no float holds (`1e999`) cannot be given again. Raises ValueError."""
    number = float(said)
    if not isfinite(number):
        raise ValueError(said)
    return number


_JSON: Final = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)
"""Made once: to make one takes as long as to read a piece of a stream."""


def written(value: Any) -> str:
    """As JSON, without spaces."""
    return json.dumps(value, separators=(",", ":"))


def pieces(text: str) -> Iterator[str]:
    """Whole words, together at least PIECE characters."""
    least = max(PIECE, len(text) // MOST_PIECES)
    return (found[0] for found in _piece(least).finditer(text))


@lru_cache(maxsize=16)
def _piece(least: int) -> re.Pattern[str]:
    return re.compile(rf".{{{least}}}\S{{0,{LONGEST_WORD}}}\s?|.+", re.DOTALL)
