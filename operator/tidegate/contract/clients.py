"""Who may ask."""

from __future__ import annotations

from tidegate.contract.piece import Piece


class ApiKeys(Piece):
    """Clients show a key. A document that says so wants a reader of 3: an earlier one would let everybody in."""

    secrets: tuple[str, ...]
    """Names of the Secrets that hold them."""
