"""A model of the policy that is asked whether two answers say the same: its engines are asked directly, and nobody's limits pay for it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import aiohttp

from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.clusters import Endpoint

log = logging.getLogger("tidegate.brain")

Judge = Callable[[dict[str, Any]], Awaitable[object]]
"""Asks a model of the policy, by its public name in the body of a chat; None where it does not answer."""
PATIENCE: Final = 60.0
"""Seconds for an answer: nobody waits for it."""
LARGEST: Final = 1 << 20
"""Bytes of one."""


async def nobody(_: dict[str, Any]) -> object:
    """There is no judge."""
    return None


class Engines(Protocol):
    """Knows what runs."""

    def __call__(self) -> tuple[RouterConfig | None, Mapping[str, Sequence[Endpoint]]]:
        """The configuration that Envoy runs, and the engines by Service."""


class EngineJudge:
    """Of one router. `draw` gives numbers from 0 to 1."""

    def __init__(self, engines: Engines, draw: Callable[[], float]) -> None:
        self._engines, self._draw = engines, draw

    async def __call__(self, body: dict[str, Any]) -> object:
        """Never raises but when it is cancelled."""
        found = self._of(str(body["model"]))
        if not found:
            return None
        url, model = found
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
                session.post(url, json=body | {"model": model}, allow_redirects=False) as answer,
            ):
                if answer.status != 200 or (answer.content_length or 0) > LARGEST:
                    return None
                return await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("the judge does not answer: %s", type(error).__name__)
            return None

    def _of(self, public: str) -> tuple[str, str] | None:
        """One of its engines, and what they call it."""
        config, engines = self._engines()
        route = next((r for r in config.routes if public in r.models), None) if config else None
        targets = {target.destination for target in route.targets} if route else set()
        asked = [d.engine for d in config.destinations if d.engine and d.name in targets] if config else []
        there = [(end, engine.model) for engine in asked for end in engines.get(engine.service, ())]
        if not there:
            return None
        end, model = there[int(self._draw() * len(there)) % len(there)]
        host = f"[{end.address}]" if ":" in end.address else end.address
        return f"http://{host}:{end.port}/v1/chat/completions", model
