"""Puts a local router together: files are read again when they change, engines are asked again until they say what they serve."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tidegate.brain.admin import Admin
from tidegate.brain.kernel import knows_rto_max, only_ipv6
from tidegate.brain.native import provided
from tidegate.brain.router import Router
from tidegate.brain.sockets import listening
from tidegate.brain.xds import Files
from tidegate.cli.local import envoy, secrets
from tidegate.cli.local.document import Local, local, policy_of, tiers_of
from tidegate.cli.local.endpoints import Endpoint, WrongEndpoint, asked, endpoint_slice, parsed
from tidegate.cli.manifests import Unreadable, read
from tidegate.envoy.start import Start
from tidegate.errors import TidegateError
from tidegate.names import ROUTER_CONFIG_KEY
from tidegate.plan.world import Defaults

LOOK: Final = 1.0
"""Seconds between two looks at files and engines."""
MAP: Final = "local"
"""What the ConfigMap would be called."""


@dataclass(frozen=True)
class Asked:
    """The command line."""

    files: Sequence[str]
    endpoints: Sequence[str]
    secrets: Sequence[str]
    host: str
    port: int
    envoy: str
    defaults: Defaults


def route(said: Asked) -> int:
    """Runs until SIGINT or SIGTERM; 1 when the policy, an endpoint or a Secret is wrong, 2 when a file cannot be read."""
    try:
        secrets.parsed(said.secrets)
        endpoints = parsed(said.endpoints)
        documents = read(said.files)
        local(policy_of(documents), endpoints, said.defaults, tiers_of(documents))
        return asyncio.run(_run(said, envoy.binary(said.envoy), endpoints))
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    except (TidegateError, WrongEndpoint, secrets.WrongSecret) as error:
        print(error, file=sys.stderr)
        return 1


async def _run(said: Asked, program: str, endpoints: tuple[Endpoint, ...]) -> int:
    with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
        home = Path(folder)
        start = Start(
            folder,
            said.host,
            said.port,
            _free(said.host),
            module=provided(home),
            only_ipv6=only_ipv6(),
            rto_max=knows_rto_max(),
        )
        router = Router(MAP, Files(start), Admin(home / "admin.sock"))
        try:
            async with listening(router, home):
                return await _until(said, program, home, router, endpoints)
        finally:
            await router.admin.close()


async def _until(said: Asked, program: str, home: Path, router: Router, endpoints: tuple[Endpoint, ...]) -> int:
    """Envoy, the brain's loop and the looks; the first to end ends the others. Returns Envoy's status, 0 when a person ends it."""
    stop = asyncio.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(which, stop.set)
    follower = Follower(said, router, endpoints)
    await follower.look()
    tasks = [
        asyncio.create_task(part)
        for part in (
            router.run(),
            follower.run(),
            stop.wait(),
            _envoy(program, home, router, said),
            router.trust.issuers.run(),
            router.limits.run(),
            router.loads.run(),
            router.caches.run(),
        )
    ]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ended = next(iter(done))
    return int(ended.result() or 1) if ended is tasks[3] else 0 if ended is tasks[2] else _raised(ended)


def _raised(ended: asyncio.Task[object]) -> int:
    ended.result()
    return 1


async def _envoy(program: str, home: Path, router: Router, said: Asked) -> int:
    await router.started.wait()
    _tell(f"listening on http://{said.host}:{said.port}")
    return await envoy.run(program, home, _tell)


class Follower:
    """Reads files and engines again, and tells the router what changed."""

    def __init__(self, said: Asked, router: Router, endpoints: tuple[Endpoint, ...]) -> None:
        self._said, self._router, self._endpoints = said, router, endpoints
        self._told: tuple[str, ...] = ()
        self._followed: tuple[str, tuple[Endpoint, ...]] = ("", ())
        self._sources = secrets.parsed(said.secrets)
        self._secrets: dict[str, dict[str, Any] | None] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            await self.look()

    async def look(self) -> None:
        """Once. What is wrong now leaves the last good configuration in force, and is said once."""
        if silent := [endpoint for endpoint in self._endpoints if not endpoint.models]:
            await self._ask(silent)
        try:
            documents = read(self._said.files)
            made = local(policy_of(documents), self._endpoints, self._said.defaults, tiers_of(documents))
        except (TidegateError, Unreadable) as error:
            self._say((str(error),))
            return
        self._tell_of_secrets(secrets.found(documents, self._sources, os.environ), made)
        self._follow(made)
        self._say((*made.warnings, *self._router.troubles))

    def _tell_of_secrets(self, there: secrets.Secrets, made: Local) -> None:
        """Of those that the policy names, where they are not what they were."""
        for name in made.secrets:
            secret = there.get(name)
            if name not in self._secrets or self._secrets[name] != secret:
                self._secrets[name] = secret
                self._router.trust.changed(name, secret)

    async def _ask(self, silent: Sequence[Endpoint]) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            found = dict(zip(silent, await asyncio.gather(*(asked(client, each) for each in silent)), strict=True))
        self._endpoints = tuple(found.get(endpoint, endpoint) for endpoint in self._endpoints)

    def _follow(self, made: Local) -> None:
        """Most looks find nothing new."""
        text, before = made.config.text(), self._followed
        self._followed = (text, self._endpoints)
        if self._followed == before:
            return
        self._router.config_changed({MAP: {"data": {ROUTER_CONFIG_KEY: text}}})
        slices = [endpoint_slice(each, made.services[each.backend]) for each in self._endpoints]
        self._router.engines_changed({each["metadata"]["name"]: each for each in slices})

    def _say(self, words: tuple[str, ...]) -> None:
        for each in words:
            if each not in self._told:
                _tell(each)
        self._told = words


def _free(host: str) -> int:
    """A port for Envoy's own probe, which nobody asks here."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _tell(words: str) -> None:
    print(words, flush=True)
