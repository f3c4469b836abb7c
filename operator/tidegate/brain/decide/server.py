"""The decision server of one router Pod."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from secrets import randbits, token_hex
from typing import Final

from tidegate.brain.cache.desk import Desk
from tidegate.brain.cache.leases import Leases
from tidegate.brain.decide.known import Known
from tidegate.brain.decide.step import Ask, choices
from tidegate.brain.decide.waiting import Waiting
from tidegate.brain.decide.wire import BACKLOG, Answer, Heard, Reply, Wire, ask_of
from tidegate.brain.limits.counting import Counting
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.clusters import Endpoint
from tidegate.names import DECIDED_HEADER

_UNDECIDED: Final = Answer(503).encoded()
"""Envoy runs other routes for a moment. What is said to a 5xx stands in envoy/local_replies.py: the filter passes none of ours on."""
_FREE: Final = Answer(200).encoded()
"""To who asks because of limits alone. Who needs a route besides finds none then, and is told so by Envoy's own."""


def _answers(config: RouterConfig, engines: Mapping[str, Sequence[Endpoint]]) -> dict[str, bytes]:
    answering = {d.name for d in config.destinations if d.provider or (d.engine and engines.get(d.engine.service))}
    chosen = choices(config, answering)
    return {model: Answer(200, {DECIDED_HEADER: route}).encoded() for model, route in chosen.items()}


def _answering(engines: Mapping[str, Sequence[Endpoint]]) -> frozenset[str]:
    return frozenset(service for service, known in engines.items() if known)


class Decisions:
    """What is asked for most is computed once for each configuration and set of engines, and is one look-up then. `now` is in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.counting = Counting()
        self._answers: Known[bytes] = Known()
        """By model."""
        self.waiting = Waiting(now)
        self.cache = Desk(time.time, token_hex(4), Leases(time.time, randbits(63)))

    def follow(self, config: RouterConfig, engines: Mapping[str, Sequence[Endpoint]]) -> None:
        """`config` is what Envoy runs; `engines` are those that are ready, by Service."""
        self._answers.follow(_answers(config, engines), self._now())
        self.waiting.follow(config)
        self.cache.follow(config, _answering(engines))

    def expect(self, config: RouterConfig, engines: Mapping[str, Sequence[Endpoint]]) -> None:
        """`config` is what Envoy may run from this moment on, before it says so: models that are new to decisions are answered too."""
        self._answers.expect(_answers(config, engines), self._now())
        self.waiting.expect(config)
        self.cache.expect(config, _answering(engines))

    def decide(self, ask: Ask) -> Reply:
        """The answer to Envoy; where the policy has limits, after they have found room."""
        if ask.cache:
            return self.cache.ask(ask)
        if ask.hold:
            return self.waiting.ask(ask)
        if ask.asks:
            free = ask.model not in self._answers.all
            return self.counting.ask(ask, lambda: self._answers.all.get(ask.model, _FREE), _UNDECIDED, allow=free)
        return self._answers.all.get(ask.model, _UNDECIDED)

    def reply(self, heard: Heard) -> Reply:
        """The same, as it comes over the wire."""
        return self.decide(ask_of(heard))

    async def serve(self, socket: Path) -> asyncio.Server:
        """Listens there; what an earlier brain left is taken over. The caller closes it."""
        return await asyncio.get_running_loop().create_unix_server(lambda: Wire(self.reply), socket, backlog=BACKLOG)
