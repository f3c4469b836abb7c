"""Ports that tests pick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.ports import BLOCK, free_port

ROOT = Path(__file__).resolve().parents[2]


def test_none_comes_again_before_all_others() -> None:
    some = [free_port() for _ in range(BLOCK // 2)]
    assert len(set(some)) == len(some)


def test_another_process_picks_others() -> None:
    code = f"from tests.support.ports import free_port\nprint(*(free_port() for _ in range({BLOCK})))"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {int(port) for port in other.stdout.split()} & {free_port() for _ in range(BLOCK)}
