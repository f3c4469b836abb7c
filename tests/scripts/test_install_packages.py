"""What people see while packages are installed."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import deque
from pathlib import Path

from scripts.install_packages import LAST_WORDS, Screen, steps

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/install_packages.py"
WORDS = [
    "Collecting aiohttp==3.12 (from -r dev.txt (line 1))\n",
    "  Using cached aiohttp.whl (1.2 MB)\n",
    "Collecting httpx==0.28 (from -r dev.txt (line 9))\n",
    "Installing collected packages: aiohttp, httpx\n",
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_each_package_is_a_step() -> None:
    last: deque[str] = deque(maxlen=LAST_WORDS)
    said = list(steps(WORDS, 5, last))
    assert said == ["1 of at most 5 packages: aiohttp", "2 of at most 5 packages: httpx", "unpacking 2 packages"]
    assert list(last) == WORDS


def test_a_terminal_has_one_line() -> None:
    terminal = Terminal()
    screen = Screen(terminal)
    screen.show("one")
    screen.show("two")
    screen.end("")
    assert terminal.getvalue() == "\r\033[Kone\r\033[Ktwo\r\033[K"


def test_elsewhere_a_line_now_and_then() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.show("too early")
    screen._reported -= 11
    screen.show("one")
    screen.end("the end")
    assert stream.getvalue() == "one\nthe end"


def test_pip_failing_is_told_in_its_own_words(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("./nothing-here ; python_version > '3'\n")
    answer = subprocess.run(
        [sys.executable, str(SCRIPT), str(lock)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert answer.returncode == 1
    assert "nothing-here" in answer.stderr
