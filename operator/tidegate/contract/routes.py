"""Public model names, and who answers them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tidegate.contract.piece import Piece


class Target(Piece):
    """A destination's relative share of a route."""

    destination: str
    weight: Annotated[int, Field(gt=0)]


class Route(Piece):
    """Public model names and who answers them; no targets means that nobody can at present (503)."""

    name: str
    models: tuple[str, ...]
    targets: tuple[Target, ...]
