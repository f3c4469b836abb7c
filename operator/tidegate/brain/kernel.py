"""What the machine can do for us."""

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


def only_ipv6() -> bool:
    """Whether it has a way to IPv6 and none to IPv4. Nothing is sent."""
    return _leads(socket.AF_INET6, "2001:db8::1") and not _leads(socket.AF_INET, "192.0.2.1")


def _leads(family: int, address: str) -> bool:
    """To addresses that nobody has, by the route that all others take."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.connect((address, 9))
    except OSError:
        return False
    return True
