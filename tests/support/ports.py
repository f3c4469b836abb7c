"""Ports for programs that have to be told one. Between the moment a test picks a port and the moment its program listens, nobody else may
pick it: Envoy listens with SO_REUSEPORT, so two would share it and its requests."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Final

BELOW_EPHEMERAL: Final = range(12_000, 32_000)
"""Linux gives outgoing connections ports from 32768 on."""
BLOCK: Final = 400


def free_port() -> int:
    """A port of the loopback that nobody listens on, that no outgoing connection is given, that no other test process on this machine
    picks, and that this one picks again only after all others of its block."""
    return next(port for port in _own() if _is_free(port))


@cache
def _own() -> Iterator[int]:
    """This process's block, round and round. Raises RuntimeError where there are more processes than blocks."""
    for first in BELOW_EPHEMERAL[::BLOCK]:
        if _reserved(first):
            return itertools.cycle(range(first, first + BLOCK))
    raise RuntimeError("every block of ports has a process")


def _reserved(first: int) -> bool:
    """By a name in the abstract namespace of this network: one process has it until it ends, however that comes."""
    flag = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        flag.bind(f"\0tidegate-test-ports-{first}")
    except OSError:
        flag.close()
        return False
    flag.detach()
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False
