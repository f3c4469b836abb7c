"""Which requests go to one engine."""

from __future__ import annotations

from tidegate.contract.piece import Piece


class Affinity(Piece):
    """What requests have in common that one engine should answer. Earlier readers send them where `loadBalancing` says."""

    prefix: bool = False
    """What their prompts begin with; where native filters read it. Others go by the rest."""
    headers: tuple[str, ...] = ()
    """The first of these that a request has."""
    address: bool = False
    """Whether the client's address tells, at last."""
