"""How a process writes its log: one line for each thing that happened, as text for people or as JSON for collectors.

what is said                                          log
----------------------------------------------------  --------------------------------------------
ours, at the chosen level or above                    written
a library's, below WARNING                            left out
kopf's alarm about kinds that a cluster may lack      left out
kopf's alarm about kinds of ours that are missing     written
a sentence that was written less than QUIET ago       left out and counted
the same sentence later                               written, with how often it was left out meanwhile
a message of several lines, as text                   one line, with \\n where they ended
"""

from __future__ import annotations

import logging
import sys
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Final, TextIO

import orjson

from tidegate.names import GROUP

QUIET: Final = 300.0
"""Seconds for which a sentence is not repeated."""
REMEMBERED: Final = 1000
"""Sentences that are remembered, at most."""
LIBRARIES: Final = ("httpx", "httpcore", "kopf", "aiohttp", "asyncio", "kubernetes")
OPTIONAL_KINDS: Final = "Unresolved resources cannot be served"
"""kopf looks for every kind that is watched; the operator looks for optional kinds itself and goes on without them."""


def begin(level: str, form: str, stream: TextIO | None = None) -> None:
    """Everything that this process logs goes to `stream`, standard error by default; `form` is text or json."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Json() if form == "json" else Text())
    handler.addFilter(no_false_alarm)
    handler.addFilter(Once())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))


def no_false_alarm(record: logging.LogRecord) -> bool:
    """Whether the record is worth a line."""
    about_kinds = record.name.startswith("kopf") and record.getMessage().startswith(OPTIONAL_KINDS)
    return not about_kinds or GROUP in record.getMessage()


class Once(logging.Filter):
    """Leaves out what was said a moment ago, and counts it."""

    def __init__(self) -> None:
        super().__init__()
        self._said: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        """When each sentence was last written, and how often it was left out since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written; then it carries how often it was left out before."""
        sentence = (record.name, record.getMessage())
        written, left_out = self._said.pop(sentence, (-QUIET, 0))
        again = record.created - written < QUIET
        self._said[sentence] = (written, left_out + 1) if again else (record.created, 0)
        if len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        record.left_out = left_out
        return not again


class Text(logging.Formatter):
    """`2026-03-01T09:00:00Z INFO tidegate: words`, and below it the traceback of an error."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().replace("\n", "\\n")
        line = f"{_time(record)} {record.levelname} {record.name}: {message}"
        if left_out := getattr(record, "left_out", 0):
            line += f" ({left_out} more since it was last written)"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class Json(logging.Formatter):
    """One object a line: time, level, logger, message; where there is one, error (a traceback) and leftOut (a count)."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if left_out := getattr(record, "left_out", 0):
            said["leftOut"] = left_out
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return orjson.dumps(said).decode()


def _time(record: logging.LogRecord) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
