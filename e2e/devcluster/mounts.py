"""Mounts in this process's own mount namespace, without the mount command."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

BIND, RECURSIVE, PRIVATE, SHARED = 4096, 16384, 1 << 18, 1 << 20  # MS_... of sys/mount.h
NEW_MOUNTS = 0x20000  # CLONE_NEWNS of sched.h
_libc = ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: str, kind: str | None, flags: int) -> None:
    filesystem = kind.encode() if kind else None
    _check(_libc.mount(source.encode(), target.encode(), filesystem, ctypes.c_ulong(flags), None), target)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def tmpfs(target: Path) -> None:
    _mount("tmpfs", str(target), "tmpfs", 0)


def bind(source: Path, target: Path) -> None:
    _mount(str(source), str(target), None, BIND | RECURSIVE)


def new_namespace(private: bool = True) -> None:
    """From here on this process's mounts are its own and its children's, but for what `share` was used on."""
    _check(_libc.unshare(NEW_MOUNTS), "unshare")
    if private:
        make_private(Path("/"))


def make_private(folder: Path) -> None:
    _mount("none", str(folder), None, PRIVATE | RECURSIVE)


def share(folder: Path) -> None:
    """What namespaces that are copied from this one mount below the folder is seen here, and the other way round."""
    bind(folder, folder)
    _mount("none", str(folder), None, SHARED | RECURSIVE)


def replace(folder: Path, keep: Sequence[Path]) -> None:
    """Put an empty, writable folder over one of the machine's, but leave those paths in it that are still needed."""
    hidden = [path.resolve() for path in keep if path.resolve().is_relative_to(folder)]
    handles = [os.open(path, os.O_PATH) for path in hidden]
    tmpfs(folder)
    for path, handle in zip(hidden, handles, strict=True):
        path.mkdir(parents=True, exist_ok=True)
        bind(Path(f"/proc/self/fd/{handle}"), path)
        os.close(handle)
