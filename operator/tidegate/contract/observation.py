"""Of how many requests the routers tell, and what."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tidegate.contract.piece import Piece

Share = Annotated[float, Field(ge=0, le=100)]
"""Percent of the requests."""


class Observation(Piece):
    """Nothing, unless the document says otherwise."""

    log_lines: Share = 0.0
    """A line on stdout."""
    records: Share = 0.0
    """A record for the brain."""
    traces: Share = 0.0
    """A trace; a Pod that was started without a collector sends none."""
    stream_tokens: bool = False
    """Engines are asked for the tokens of streams whose clients did not ask; where native filters carry them."""
