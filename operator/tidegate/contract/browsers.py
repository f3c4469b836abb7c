"""Who may ask from within a web page."""

from __future__ import annotations

from tidegate.contract.piece import Piece


class Cors(Piece):
    """Pages that may. Older readers answer browsers as if there were none."""

    allow_origins: tuple[str, ...]
    """`*`, or `scheme://host` with a port where it is not the scheme's own; `*.` before the host is any name below it."""
