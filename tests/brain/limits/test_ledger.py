"""The file in which Envoy writes down what it has taken."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import pytest

from tidegate.brain.limits.ledger import Ledger
from tidegate.brain.limits.pace import Size


def test_a_slot_begins_anew(tmp_path: Path) -> None:
    ledger, path = Ledger(), tmp_path / "allowances"
    with ledger.opened(path):
        assert ledger.begin(2, 7)
        assert ledger.taken(2, 7) == Size(0, 0)
        with path.open("r+b") as file:
            file.seek(48)
            file.write(struct.pack(">QQQ", 7, 3, 400))
        assert ledger.taken(2, 7) == Size(3, 400)
        assert ledger.taken(2, 8) is None, "another allowance's"
        assert ledger.taken(9, 7) is None, "beyond its end"
    assert path.stat().st_size == 72


def test_what_is_there_stays_when_a_brain_begins(tmp_path: Path) -> None:
    path = tmp_path / "allowances"
    for _ in range(2):
        ledger = Ledger()
        with ledger.opened(path):
            inode = path.stat().st_ino
            ledger.begin(0, 7)
    assert path.stat().st_ino == inode, "Envoy has it open"


def test_without_the_file_nothing_can_be_given(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()
    with caplog.at_level(logging.WARNING), ledger.opened(tmp_path / "nowhere" / "allowances"):
        assert not ledger.is_open
        assert not ledger.begin(0, 7)
        assert ledger.taken(0, 7) is None
    assert "Envoy asks about each request with limits" in caplog.text


def test_a_full_disk(tmp_path: Path) -> None:
    ledger, full = Ledger(), Path("/dev/full")
    with ledger.opened(full):
        assert not ledger.begin(0, 7)
