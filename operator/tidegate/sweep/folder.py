"""A folder of blocks as vLLM lays them out: walked, measured, and made smaller while engines read and write it.

A block is a file `….bin`, which comes by rename and is never changed; one that is written has another name, which ends with `.tmp`. Who has a
block open reads it to its end; who looks for it afterwards finds none, and computes it anew.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Final, NamedTuple

from tidegate.sweep.cut import Cut, cut, step
from tidegate.sweep.due import Walked, due

log = logging.getLogger("tidegate.sweep")

ENDINGS: Final = (".bin", ".tmp")
"""Of files that may go; vLLM's notes beside them stay."""
GLANCE: Final = 1.0
"""Seconds between two looks at how full the file system is."""
SECTOR: Final = 512
"""Bytes of what `st_blocks` counts."""


class Block(NamedTuple):
    """A file."""

    path: str
    size: int
    """Bytes that it takes on the disk."""
    used: int
    """The step in which it was last written, or read as far as the file system notes that."""


class Swept(NamedTuple):
    """What a walk found and did."""

    found: int
    """Bytes."""
    removed: int
    """Bytes."""
    blocks: int
    """How many went."""


def sweep(folder: Path, size: int) -> Swept:
    """Removes what is more than `size` bytes, the oldest first."""
    ages: Counter[int] = Counter()
    for block in blocks(folder):
        ages[block.used] += block.size
    found = sum(ages.values())
    wanted = cut(ages, size)
    return _remove(folder, wanted, found) if wanted else Swept(found, 0, 0)


def _remove(folder: Path, wanted: Cut, found: int) -> Swept:
    removed = count = 0
    for block in blocks(folder):
        if removed >= wanted.surplus:
            break
        if block.used <= wanted.until:
            with suppress(FileNotFoundError):
                Path(block.path).unlink()
                removed, count = removed + block.size, count + 1
    return Swept(found, removed, count)


def blocks(folder: Path | str) -> Iterator[Block]:
    """All below a folder, as they are found; what goes meanwhile is not there."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from blocks(entry.path)
            elif entry.name.endswith(ENDINGS):
                yield from _block(entry)


def _block(entry: os.DirEntry[str]) -> Iterator[Block]:
    with suppress(FileNotFoundError):
        stat = entry.stat(follow_symlinks=False)
        yield Block(entry.path, stat.st_blocks * SECTOR, step(max(stat.st_atime, stat.st_mtime)))


def keep_sweeping(folder: Path, size: int, ended: Event) -> None:
    """Until somebody ends it. A folder that cannot be read now is looked at again."""
    walked: Walked | None = None
    while not ended.wait(GLANCE if walked else 0.0):
        began, used = monotonic(), _used(folder)
        if due(walked, used, began):
            swept = _sweep(folder, size)
            room = size - swept.found + swept.removed
            walked = Walked(began, monotonic() - began, room, used)


def _sweep(folder: Path, size: int) -> Swept:
    """With a word about it; of a folder that cannot be read, as if it were full."""
    try:
        swept = sweep(folder, size)
    except OSError as error:
        log.warning("%s: %s", folder, error)
        return Swept(size, 0, 0)
    if swept.blocks:
        log.info("%s: %d of %d MiB removed, in %d blocks", folder, swept.removed >> 20, swept.found >> 20, swept.blocks)
    return swept


def _used(folder: Path) -> int:
    """Bytes that are taken in its file system; 0 where nobody can tell."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize
