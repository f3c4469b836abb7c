"""The end of a purge inside a router's Pod: it passes the criteria on to the brain's socket, and prints what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

from tidegate.brain.cache.admin import SOCKET

TIMEOUT = 50.0
"""Seconds for all layers."""


def purge(run_dir: Path, criteria: str) -> int:
    """Returns the exit status: 0, or 1 with a sentence on standard error."""
    if not (run_dir / SOCKET).is_socket():
        print("there is no brain here that has caches", file=sys.stderr)
        return 1
    transport = httpx.HTTPTransport(uds=str(run_dir / SOCKET))
    try:
        with httpx.Client(transport=transport, base_url="http://brain", timeout=TIMEOUT) as client:
            answer = client.post("/purge", content=criteria)
    except httpx.HTTPError as error:
        print(f"the brain does not answer: {type(error).__name__}", file=sys.stderr)
        return 1
    print(answer.text.strip(), file=sys.stderr if answer.is_error else sys.stdout)
    return int(answer.is_error)
