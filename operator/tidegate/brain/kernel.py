"""What the machine's kernel can do for us."""

from __future__ import annotations

import socket

from tidegate.envoy.start import TCP_RTO_MAX_MS


def knows_rto_max() -> bool:
    """Whether it has TCP_RTO_MAX_MS, which came with Linux 6.15: an Envoy that is told to set an unknown option connects to nobody."""
    with socket.socket() as trial:
        try:
            trial.setsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS, 1000)
        except OSError:
            return False
    return True
