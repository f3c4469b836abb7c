"""What Envoy has taken of allowances, in a file that native/src/allowance/ledger.rs writes and this reads: a slot of 24 bytes for each, as it
says there. Each slot begins anew with its allowance, so that what is not there any more was taken by another brain's.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct, error
from typing import Final

from tidegate.brain.limits.pace import Size

log = logging.getLogger("tidegate.brain")

SLOTS: Final = 4096
_SLOT: Final = Struct(">QQQ")


class Ledger:
    """Of one brain. Nothing can be written down before it is open."""

    def __init__(self) -> None:
        self._file: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether anything can be given."""
        return self._file is not None

    @contextmanager
    def opened(self, path: Path) -> Iterator[None]:
        """As long as it is entered. Envoy has the file open, so it is never replaced. Without it Envoy asks each time."""
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as why:
            log.warning("Envoy asks about each request with limits: %s", why)
        try:
            yield
        finally:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def begin(self, slot: int, identity: int) -> bool:
        """Nothing is taken of this allowance yet; whether that could be written down."""
        if self._file is None:
            return False
        try:
            return os.pwrite(self._file, _SLOT.pack(identity, 0, 0), slot * _SLOT.size) == _SLOT.size
        except OSError:
            return False

    def taken(self, slot: int, identity: int) -> Size | None:
        """What was taken of it; None where nobody can tell."""
        if self._file is None:
            return None
        try:
            found, requests, tokens = _SLOT.unpack(os.pread(self._file, _SLOT.size, slot * _SLOT.size))
        except (OSError, error):
            return None
        return Size(requests, tokens) if found == identity else None
