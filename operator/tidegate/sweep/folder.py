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

log = logging.getLogger("tidegate.sweep")

ENDINGS: Final = (".bin", ".tmp")
"""Of files that may go; vLLM's notes beside them stay."""
PAUSE: Final = 5.0
"""Seconds between two walks, at least."""
SHARE: Final = 9.0
"""A pause is at least so many times as long as the walk before it: of a large folder on a network no more than a tenth of the time is
spent on reading names."""
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
    pause = 0.0
    while not ended.wait(pause):
        began = monotonic()
        try:
            swept = sweep(folder, size)
        except OSError as error:
            log.warning("%s: %s", folder, error)
        else:
            if swept.blocks:
                log.info("%s: %d of %d MiB removed, in %d blocks", folder, *_mebibytes(swept), swept.blocks)
        pause = max(PAUSE, SHARE * (monotonic() - began))


def _mebibytes(swept: Swept) -> tuple[int, int]:
    return swept.removed >> 20, swept.found >> 20
