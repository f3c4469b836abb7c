"""A folder of blocks on a real file system, while somebody writes and reads it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from tidegate.sweep.folder import Swept, blocks, keep_sweeping, sweep

BLOCK = 64 * 1024


def eventually(holds: Callable[[], bool], within: float = 20.0) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def write(folder: Path, name: str, age: float) -> Path:
    """A block as vLLM names one, last written and read so many seconds ago."""
    path = folder / "acme_llama_0123456789ab_r0" / name[:3] / f"{name[3:5]}_g0" / f"{name}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(BLOCK))
    then = 1_700_000_000 - age
    os.utime(path, (then, then))
    return path


def test_the_oldest_go(tmp_path: Path) -> None:
    made = [write(tmp_path, f"{age:03}aa{age:03}", age=100.0 * age) for age in range(10)]
    swept = sweep(tmp_path, 5 * BLOCK)
    assert swept == Swept(10 * BLOCK, 6 * BLOCK, 6)
    assert [path.exists() for path in made] == [True] * 4 + [False] * 6
    assert sweep(tmp_path, 5 * BLOCK) == Swept(4 * BLOCK, 0, 0)


def test_who_was_read_lately_stays(tmp_path: Path) -> None:
    read, unread = write(tmp_path, "aaaaa1", 1000), write(tmp_path, "aaaaa2", 500)
    os.utime(read, (1_700_000_000, read.stat().st_mtime))
    sweep(tmp_path, BLOCK + BLOCK // 2)
    assert (read.exists(), unread.exists()) == (True, False)


def test_of_blocks_that_are_as_old_no_more_go_than_have_to(tmp_path: Path) -> None:
    for number in range(10):
        write(tmp_path, f"bbb{number:02}", age=1)
    assert sweep(tmp_path, 8 * BLOCK).blocks == 3


def test_notes_stay_and_half_written_blocks_that_nobody_finished_go(tmp_path: Path) -> None:
    block = write(tmp_path, "ccccc1", 1)
    note, left = tmp_path / "acme_llama_0123456789ab/config.json", block.with_name("x.bin_17.tmp")
    note.parent.mkdir()
    note.write_text("{}" * BLOCK)
    left.write_bytes(os.urandom(BLOCK))
    os.utime(note, (1, 1))
    os.utime(left, (2, 2))
    assert sweep(tmp_path, BLOCK * 3 // 2).blocks == 1
    assert (note.exists(), left.exists(), block.exists()) == (True, False, True)


def test_who_has_a_block_open_reads_it_to_its_end(tmp_path: Path) -> None:
    block = write(tmp_path, "ddddd1", 1)
    said = block.read_bytes()
    with block.open("rb") as reading:
        sweep(tmp_path, 1)
        assert not block.exists()
        assert reading.read() == said


def test_what_goes_while_it_is_walked_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, "eeeee1", 1)
    found = blocks(tmp_path)
    first = next(found)
    Path(first.path).unlink()
    assert list(found) == []
    assert list(blocks(tmp_path / "nowhere")) == []


def test_it_goes_on_after_a_folder_that_cannot_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    ended = Event()
    with caplog.at_level(logging.WARNING, "tidegate.sweep"):
        thread = Thread(target=keep_sweeping, args=(file, 1, ended))
        thread.start()
        eventually(lambda: "Not a directory" in caplog.text)
        ended.set()
        thread.join(10)
    assert not thread.is_alive()


def test_the_process_removes_and_ends_with_sigterm(tmp_path: Path) -> None:
    made = [write(tmp_path, f"fff{number:02}", age=number) for number in range(4)]
    command = [sys.executable, "-m", "tidegate", "sweep", "--folder", str(tmp_path), "--size", str(2 * BLOCK)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        eventually(lambda: sum(path.exists() for path in made) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
