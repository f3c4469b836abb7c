"""A purge from outside: a command in each router's Pod, as kubectl runs it, so that the cluster's own rights guard it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from tidegate import names
from tidegate.brain.cache.admin import Criteria, Found
from tidegate.cli.plugin.access import Flags
from tidegate.errors import TidegateError
from tidegate.plan.kube.reading import integer

COMMAND: Final = ("python", "-m", "tidegate", "forget")
TIMEOUT: Final = 60.0
"""Seconds for one router."""


class NotPurged(TidegateError):
    """Why a router could not be told, in a sentence."""


def argv(flags: Flags, namespace: str, pod: str, criteria: Criteria) -> list[str]:
    """What kubectl is asked for."""
    given = (("--context", flags.context), ("--kubeconfig", flags.kubeconfig))
    where = [part for flag, value in given if value for part in (flag, value)]
    inside = ["-c", names.BRAIN_CONTAINER, "--", *COMMAND, json.dumps(asdict(criteria))]
    return ["kubectl", *where, "exec", "-n", namespace, pod, *inside]


async def told(command: Sequence[str]) -> Found:
    """What one router found. Raises NotPurged."""
    if not shutil.which(command[0]):
        raise NotPurged("there is no kubectl on PATH, which runs the command in the routers' Pods")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(TIMEOUT):
            out, error = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise NotPurged(f"no answer within {TIMEOUT:.0f} s") from None
    if process.returncode:
        said = [line for line in error.decode(errors="replace").splitlines() if "terminated with exit code" not in line]
        raise NotPurged(" ".join(said) or f"kubectl ended with {process.returncode}")
    return found(out.decode(errors="replace"))


def found(text: str) -> Found:
    """Of what a router printed. Raises NotPurged."""
    try:
        said = json.loads(text)
    except ValueError:
        raise NotPurged(f"the router said {text[:200]!r}") from None
    return Found(integer(said, "memory"), integer(said, "exact"), integer(said, "semantic"))


def together(said: Sequence[Found], *, really: bool) -> Found:
    """Of all routers: each has its own memory, and one store; who purges it first finds what the others do not any more."""
    of_store = sum if really else max
    return Found(
        sum(one.memory for one in said),
        of_store([one.exact for one in said]),
        of_store([one.semantic for one in said]),
    )


def words(said: Found, routers: int, *, really: bool) -> str:
    """For people."""
    verb = "forgotten" if really else "there"
    counts = f"{said.memory} in the memory of {routers} routers, {said.exact} in the store, {said.semantic} questions that are compared"
    return f"{verb}: {counts}" + ("" if really else "; --yes forgets them")
