"""Starts programs and keeps them running, as systemd would, and buries orphans, as the first process of a PID namespace must."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LONGEST_OUTPUT = 1 << 20  # bytes that are kept of a command's
FIRST_DELAY, LONGEST_DELAY, HEALTHY_AFTER = 0.1, 2.0, 10.0  # seconds


class CommandFailed(RuntimeError):
    """A one-shot command ended with an error; the message holds what it printed."""


@dataclass
class Program:
    """A program that is to run until it is dropped."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    pid: int | None = None
    starts: int = 0
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Must be made inside a running event loop; from then on it takes every dead child, so use its `run` for commands."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._programs: dict[str, Program] = {}
        self._exits: dict[int, asyncio.Future[int]] = {}
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def keep(self, program: Program) -> None:
        """Start a program, and again whenever it dies."""
        self._programs[program.name] = program
        program.task = asyncio.create_task(self._keep(program))

    async def drop(self, name: str) -> None:
        """Kill a program for good. Nothing happens when there is none of that name."""
        program = self._programs.pop(name, None)
        if program is None or program.task is None:
            return
        program.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await program.task
        if program.pid is not None:
            await self._kill(program.pid)

    def pids(self) -> dict[str, int]:
        """Name to process id, as seen in this namespace, of all programs that run now."""
        return {name: program.pid for name, program in self._programs.items() if program.pid is not None}

    def names(self) -> list[str]:
        return list(self._programs)

    def starts(self, name: str) -> int:
        return self._programs[name].starts

    async def run(self, argv: Sequence[str]) -> str:
        """Run one command to its end; returns what it printed, raises CommandFailed."""
        output = os.memfd_create("output")
        try:
            pid = self._spawn(argv, os.environ, output)
            status = await self._exits[pid]
            del self._exits[pid]
            text = os.pread(output, LONGEST_OUTPUT, 0).decode(errors="replace")
        finally:
            os.close(output)
        if status != 0:
            raise CommandFailed(f"{' '.join(argv)}: exit {status}: {text.strip()}")
        return text

    async def _keep(self, program: Program) -> None:
        clock = asyncio.get_running_loop().time
        delay = FIRST_DELAY
        while True:
            started = clock()
            await self._run_once(program)
            delay = FIRST_DELAY if clock() - started > HEALTHY_AFTER else min(delay * 2, LONGEST_DELAY)
            await asyncio.sleep(delay)

    async def _run_once(self, program: Program) -> None:
        with (self._logs / f"{program.name}.log").open("ab") as log:
            program.pid = self._spawn(program.argv, {**os.environ, **program.environment}, log.fileno())
        program.starts += 1
        await asyncio.shield(self._exits[program.pid])
        del self._exits[program.pid]
        program.pid = None

    async def _kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        await self._exits[pid]
        del self._exits[pid]

    def _spawn(self, argv: Sequence[str], environment: Mapping[str, str], output: int) -> int:
        child = subprocess.Popen(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        child.returncode = 0  # it is `_reap` that waits for it, not this object
        self._exits[child.pid] = asyncio.get_running_loop().create_future()
        return child.pid

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                ended = self._exits.get(pid)  # an orphan's end interests nobody
                if ended is not None and not ended.done():
                    ended.set_result(os.waitstatus_to_exitcode(status))
