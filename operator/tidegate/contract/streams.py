"""What becomes of streams."""

from __future__ import annotations

from tidegate.contract.piece import Piece


class Streams(Piece):
    """Where native filters carry them; elsewhere a stream that breaks off is torn."""

    end_broken: bool = True
    """One that breaks off ends with an error event."""
