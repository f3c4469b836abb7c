"""Requests that wait for the first engine of their model.

the request's route                    then
------------------------------------   ------------------------------------------------------------------
is unknown                             503: Envoy runs another configuration for a moment
Envoy has an engine that answers it    goes on at once: it was on its way while routes changed
has no engines to wait for any more    goes on at once: routes changed, and who is asked after them may answer
MOST wait already                      goes on at once, and is answered as a model without an engine is
any other                              waits until Envoy has an engine, its client leaves, or its time is over; then it goes on

The wait of a client that leaves ends with its connection, and nothing of it stays.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from tidegate.brain.decide.known import Known
from tidegate.brain.decide.step import Ask
from tidegate.brain.decide.wire import Answer, Reply
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route
from tidegate.envoy import hold
from tidegate.names import LET_GO_HEADER

MOST: Final = 1000
"""Requests that wait at a time, of all models together: each is a connection to Envoy and a few KiB here; its body is Envoy's, under the
limits of its memory."""
_UNKNOWN: Final = Answer(503).encoded()


@dataclass(frozen=True)
class _Line:
    """Where requests of one route wait."""

    route: str
    services: frozenset[str]
    """Whose engines answer it."""
    models: frozenset[str]
    """ModelDeployments that may have no engine."""
    seconds: float
    """For which a request waits at most."""
    go: bytes
    """What lets a request go on."""


class Waiting:
    """All of them. `now` is in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lines: Known[_Line] = Known()
        """By route."""
        self._opened: dict[frozenset[str], asyncio.Event] = {}
        """By the Services that are waited for: a request keeps the routes of the moment at which it came."""
        self._named: frozenset[str] = frozenset()
        self._answering: Collection[str] = frozenset()
        self.held: Counter[str] = Counter()
        """Requests that wait at present, by ModelDeployment."""
        self._count = 0

    def follow(self, config: RouterConfig) -> None:
        """`config` is what Envoy runs."""
        self._lines.follow(_lines(config), self._now())
        self._open()

    def expect(self, config: RouterConfig) -> None:
        """`config` is what Envoy may run from this moment on."""
        self._lines.expect(_lines(config), self._now())
        self._open()

    def answer(self, answering: Collection[str]) -> None:
        """The Services of which Envoy has an engine: who waits for one of them goes on."""
        self._answering = answering
        self._open()

    def ask(self, ask: Ask) -> Reply:
        """The table."""
        line = self._lines.all.get(ask.route)
        if line is None:
            return _UNKNOWN
        if self._count >= MOST or self._over(line.services):
            return line.go
        return self._wait(line, self._opened.setdefault(line.services, asyncio.Event()))

    async def _wait(self, line: _Line, opened: asyncio.Event) -> bytes:
        with self._counted(line), suppress(TimeoutError):
            async with asyncio.timeout(line.seconds):
                await opened.wait()
        return line.go

    @contextmanager
    def _counted(self, line: _Line) -> Iterator[None]:
        self._count += 1
        self.held.update(line.models)
        try:
            yield
        finally:
            self._count -= 1
            self.held.subtract(line.models)

    def _over(self, services: frozenset[str]) -> bool:
        """Whether nobody has to wait for one of them any longer: Envoy has an engine of it, or routes name none of them."""
        return not services.isdisjoint(self._answering) or services.isdisjoint(self._named)

    def _open(self) -> None:
        """Lets those go on who have an engine now, or none to wait for; a line that nobody can wait in any more is forgotten."""
        self._named = frozenset().union(*(line.services for line in self._lines.current.values()))
        self._opened = {services: event for services, event in self._opened.items() if not event.is_set()}
        for services, event in self._opened.items():
            if self._over(services):
                event.set()


def _lines(config: RouterConfig) -> dict[str, _Line]:
    waits = hold.patience(config)
    return {route.name: _line(route, config, waits.get(route.name, 0.0)) for route in config.routes}


def _line(route: Route, config: RouterConfig, seconds: float) -> _Line:
    targets = {target.destination for target in route.targets}
    models = frozenset(d.model for d in config.destinations if d.hold and d.name in targets)
    go = Answer(200, {LET_GO_HEADER: route.name}).encoded()
    return _Line(route.name, hold.services(route, config), models, seconds, go)
