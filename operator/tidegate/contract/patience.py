"""What is tried again, and how long things may take."""

from __future__ import annotations

from typing import Literal

from tidegate.contract.piece import Piece


class Retry(Piece):
    """What is tried again on another engine before the client has seen anything."""

    attempts: int
    codes: tuple[int, ...]
    reasons: tuple[Literal["ConnectFailure", "Reset"], ...]
    backoff_seconds: float


class Timeouts(Piece):
    """0 is no limit."""

    request_seconds: float
    idle_seconds: float
    attempt_seconds: float | None = None
    """Of each attempt, until the first byte of its answer; earlier readers wait for `request_seconds`. Absent is no limit, too."""
    first_token_seconds: float = 0.0
    """Of a stream, for each attempt; where native filters carry them."""
