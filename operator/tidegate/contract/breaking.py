"""When somebody who answers with errors is left alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tidegate.contract.piece import Piece


class CircuitBreaker(Piece):
    """Of one engine, or one address of a provider. Earlier readers leave alone only what cannot be reached."""

    consecutive_errors: Annotated[int, Field(gt=0)]
    """Answers of 5xx in a row."""
    eject_seconds: Annotated[float, Field(gt=0)]
