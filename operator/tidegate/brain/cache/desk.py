"""Where Envoy asks for answers that are kept, fetches them, and brings new ones: all caches of one router.

A request gets a ticket where the brain has to know it again: when Envoy fetches its answer, or when an engine's answer to it comes by.
A ticket that is not known (of an earlier brain, or too old) is nobody's: its request is asked of an engine, its answer is not kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tidegate.brain.cache import asked as asking
from tidegate.brain.cache import replay, usage
from tidegate.brain.cache.answered import OK, Answered
from tidegate.brain.cache.aside import Aside
from tidegate.brain.cache.asked import Asked, Bypassed
from tidegate.brain.cache.entry import Entry, Kind
from tidegate.brain.cache.flights import PATIENCE, Flight, Given
from tidegate.brain.cache.leases import Leases, leased
from tidegate.brain.cache.lines import Line, lines
from tidegate.brain.cache.tickets import Tickets
from tidegate.brain.cache.tier import Tier
from tidegate.brain.cache.whole import NotWhole, whole
from tidegate.brain.decide.known import Known
from tidegate.brain.decide.step import Ask
from tidegate.brain.decide.wire import BACKLOG, Answer, Heard, Reply, Wire, promised
from tidegate.contract.router_config import RouterConfig
from tidegate.names import (
    BACKEND_HEADER,
    CACHED_HEADER,
    DRAINING_HEADER,
    FROM_CACHE_HEADER,
    LEASE_HEADER,
    REVISION_HEADER,
    SIMILARITY_HEADER,
    TICKET_HEADER,
)

log = logging.getLogger("tidegate.brain")

LOOK: Final = 0.5
"""Seconds for which answers are looked for beyond this router: less than Envoy waits."""
FETCHED: Final = 2 * PATIENCE
"""Seconds within which Envoy comes to fetch an answer: at once, if its client has not left."""
BROUGHT: Final = 3600.0
"""Seconds within which an engine's answer comes by: longer than requests last."""
LONG: Final = 64 << 10
"""Characters, or bytes, of an answer from which on it is read, and written as a stream, beside the loop: 2 ms."""
MOST: Final = 16
"""Answers that are read there at a time."""
TICKET: Final = TICKET_HEADER.encode()
_GO: Final = Answer(200).encoded()
_AGAIN: Final = Answer(503, {DRAINING_HEADER: "1"}).encoded()
"""Envoy asks the next of the walk."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer that Envoy comes to fetch; with `given` it is there, else its flight is waited for."""

    tier: Tier
    asked: Asked
    flight: Flight | None
    given: Given | None


@dataclass(frozen=True, slots=True)
class Lead:
    """A request whose answer is brought."""

    tier: Tier
    asked: Asked
    flight: Flight
    doubted: Given | None = None
    """What it would have been given, had nobody wanted to compare that with an engine's answer."""


class Desk:
    """Of one router. `now` is the clock of the world, in seconds, and `name` begins its tickets: of one brain and no other."""

    def __init__(self, now: Callable[[], float], name: str, leases: Leases | None = None) -> None:
        self._now, self._name = now, name
        self.leases = leases or Leases(now)
        self._lines: Known[Line] = Known()
        """By route."""
        self.tiers: dict[str, Tier] = {}
        self._wanted: Tickets[Wanted] = Tickets(FETCHED)
        self._leads: Tickets[Lead] = Tickets(BROUGHT, lambda lead: lead.tier.flights.failed(lead.flight))
        self._reading = Aside("an answer was not kept", MOST)
        self._count = 0

    def follow(self, config: RouterConfig, answering: Collection[str]) -> None:
        """`config` is what Envoy runs, `answering` the Services that have engines."""
        before = self._lines.all
        self._lines.follow(lines(config, answering), self._now())
        self._changed(before, config)

    def expect(self, config: RouterConfig, answering: Collection[str]) -> None:
        """`config` is what Envoy may run from this moment on."""
        before = self._lines.all
        self._lines.expect(lines(config, answering), self._now())
        self._changed(before, config)

    def _changed(self, before: Mapping[str, Line], config: RouterConfig) -> None:
        if before != self._lines.all:
            self.leases.void()
        self._open(config)

    def _open(self, config: RouterConfig) -> None:
        """Tiers that no configuration names any more are forgotten, with what they keep."""
        named = {cache.name: cache for cache in config.caches or ()}
        for name in {line.cache.name for line in self._lines.all.values()}:
            cache = named.get(name)
            if name in self.tiers and cache:
                self.tiers[name].follow(cache)
            elif name not in self.tiers:
                self.tiers[name] = Tier(cache or self._line_of(name).cache, self._now, self.leases)
        for name in self.tiers.keys() - {line.cache.name for line in self._lines.all.values()}:
            del self.tiers[name]

    def _line_of(self, cache: str) -> Line:
        return next(line for line in self._lines.all.values() if line.cache.name == cache)

    def ask(self, ask: Ask) -> Reply:
        """Envoy's question about a request."""
        line = self._lines.all.get(ask.cache.partition(" ")[0])
        if line is None:
            return _GO
        tier = self.tiers[line.cache.name]
        try:
            asked = asking.read(ask, line)
        except Bypassed as reason:
            tier.results["bypassed", str(reason)] += 1
            return _GO
        return self._look(tier, asked)

    def _look(self, tier: Tier, asked: Asked) -> Reply:
        moment = self._moment()
        if asked.wishes.look and (given := tier.near(asked)):
            return self._fetch(Wanted(tier, asked.without_body({}), None, given))
        asked = tier.followed(asked)
        if asked.wishes.look and asked.line.together and (flight := tier.flights.of(asked.digest, asked.keys, moment)):
            return self._fetch(Wanted(tier, asked, flight, None))
        if not asked.wishes.look:
            tier.flights.overtake(asked.digest)
        flight = (
            tier.flights.begin(asked.digest, asked.keys, moment)
            if asked.line.together
            else Flight(asked.digest, asked.keys, moment)
        )
        lead = Lead(tier, asked, flight)
        if asked.wishes.forget:
            return self._forget(lead)
        return self._look_further(lead) if asked.wishes.look and tier.deep else self._miss(lead)

    async def _look_further(self, lead: Lead) -> bytes:
        """Who asks the same meanwhile waits for what this one finds."""
        flights = lead.tier.flights
        given = None
        with flights.leading(lead.flight), suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                given = await lead.tier.far(lead.asked)
        if given is None:
            return self._miss(lead)
        doubts = lead.tier.doubts
        if doubts and doubts.doubted(given):
            return self._miss(replace(lead, doubted=given))
        flights.answered(lead.flight, given)
        return self._fetch(Wanted(lead.tier, lead.asked, None, given))

    async def _forget(self, lead: Lead) -> bytes:
        with lead.tier.flights.leading(lead.flight):
            await lead.tier.forget(lead.asked)
        return self._miss(lead)

    def _miss(self, lead: Lead) -> bytes:
        lead.tier.results["miss", ""] += 1
        ticket = self._ticket()
        self._leads.keep(ticket, lead, self._moment())
        answer = Answer(200, {TICKET_HEADER: ticket, FROM_CACHE_HEADER: "miss"}).encoded()
        return promised(answer, lambda: self._broken(ticket))

    def _fetch(self, wanted: Wanted) -> bytes:
        ticket = self._ticket()
        self._wanted.keep(ticket, wanted, self._moment())
        lease = self._lease(wanted.tier, wanted.asked, wanted.given) if wanted.given else {}
        return Answer(200, {TICKET_HEADER: ticket, CACHED_HEADER: wanted.asked.line.route, **lease}).encoded()

    def _lease(self, tier: Tier, asked: Asked, given: Given) -> dict[str, str]:
        """For what this router has itself now, and anybody would be given who asks the same."""
        until = tier.memory.until(given.entry.key)
        if given.source == "semantic" or not asked.plain or not until:
            return {}
        return {LEASE_HEADER: self.leases.lease(given.entry, until, asked.line.route)}

    async def serve(self, socket: Path) -> asyncio.Server:
        """Answers are fetched there; what an earlier brain left is taken over. The caller closes it."""
        return await asyncio.get_running_loop().create_unix_server(lambda: Wire(self.give), socket, backlog=BACKLOG)

    @staticmethod
    def _moment() -> float:
        return asyncio.get_running_loop().time()

    def _ticket(self) -> str:
        self._count += 1
        return f"{self._name}.{self._count:x}"

    def give(self, heard: Heard) -> Reply:
        """Envoy comes to fetch an answer."""
        ticket = heard.said(TICKET)
        wanted = self._wanted.take(ticket)
        if wanted is None:
            return _AGAIN
        if wanted.given:
            return self._given(wanted, wanted.given, waited=False)
        return self._after(ticket, wanted)

    async def _after(self, ticket: str, wanted: Wanted) -> bytes:
        if wanted.flight is None:
            return _AGAIN
        outcome = await wanted.tier.flights.wait(wanted.flight)
        if isinstance(outcome, Given):
            reply = self._given(wanted, outcome, waited=True)
            return reply if isinstance(reply, bytes) else await reply
        if not outcome.leads:
            return _AGAIN
        self._leads.keep(ticket, Lead(wanted.tier, wanted.asked, wanted.flight), self._moment())
        return promised(_AGAIN, lambda: self._broken(ticket))

    def _broken(self, ticket: str) -> None:
        """Its request has gone on without it, or has ended."""
        if lead := self._leads.take(ticket):
            lead.tier.flights.failed(lead.flight)

    def _given(self, wanted: Wanted, given: Given, *, waited: bool) -> Reply:
        manner = wanted.asked.manner
        wanted.tier.count(wanted.asked.line, given, waited=waited)
        write = partial(self._written, given, manner)
        return asyncio.to_thread(write) if manner.stream and len(given.entry.answer) > LONG else write()

    def _written(self, given: Given, manner: replay.Manner) -> bytes:
        entry = given.entry
        kind, body = replay.body(entry, manner)
        headers = {
            "content-type": kind,
            FROM_CACHE_HEADER: f"hit-{given.source}",
            "age": f"{max(0, int(self._now() - entry.stored))}",
            BACKEND_HEADER: entry.backend,
            **({REVISION_HEADER: entry.revision} if entry.revision else {}),
            **({SIMILARITY_HEADER: f"{given.similarity:.4f}"} if given.source == "semantic" else {}),
        }
        return Answer(200, headers, body).encoded()

    def answered(self, said: Answered) -> None:
        """A request with a ticket is over; one that was to be given an answer may never have come for it."""
        if found := leased(said.ticket):
            self._given_again(*found)
            return
        self._wanted.take(said.ticket)
        lead = self._leads.take(said.ticket)
        if lead is None:
            return
        flights, flight = lead.tier.flights, lead.flight
        if said.status != OK or said.left:
            flights.failed(flight) if said.may_be_otherwise else flights.given_up(flight)
            return
        if len(said.answer) > LONG and not self._reading.full:
            self._reading.start(self._read_beside(lead, said))
        else:
            self._keep(lead, said, _read(lead.asked.kind, said))

    async def _read_beside(self, lead: Lead, said: Answered) -> None:
        with lead.tier.flights.leading(lead.flight):
            read = await asyncio.to_thread(_read, lead.asked.kind, said)
        self._keep(lead, said, read)

    def _keep(self, lead: Lead, said: Answered, read: Read | NotWhole) -> None:
        flights, flight = lead.tier.flights, lead.flight
        try:
            entry = self._entry(lead, said, read)
        except NotWhole as reason:
            lead.tier.results["not-stored", str(reason)] += 1
            flights.given_up(flight)
            return
        if flight.overtaken:
            lead.tier.results["not-stored", "overtaken"] += 1
        else:
            lead.tier.keep(lead.asked, entry)
        if lead.doubted and lead.tier.doubts:
            lead.tier.doubts.compare(lead.asked, lead.doubted, entry)
        flights.answered(flight, Given(entry, "memory"))

    def _given_again(self, route: str, key: bytes) -> None:
        """By Envoy itself: what is used stays, and is counted as far as it is still known."""
        line = self._lines.all.get(route)
        tier = self.tiers.get(line.cache.name) if line else None
        if line and tier and (entry := tier.memory.get(key, self._now()) or self.leases.of(key)):
            tier.count(line, Given(entry, "memory"), waited=False)

    def _entry(self, lead: Lead, said: Answered, read: Read | NotWhole) -> Entry:
        """As of now, and not of when it began to be read: purges that came meanwhile mean what was there before. Raises NotWhole."""
        asked = lead.asked
        who = asked.line.answerers.get(said.destination)
        if who is None:
            raise NotWhole("fallback")
        if isinstance(read, NotWhole):
            raise read
        now = self._now()
        return Entry(
            key=asked.keys[said.destination],
            kind=asked.kind,
            tenant=asked.scope.tenant,
            model=asked.scope.model,
            backend=who.backend,
            revision=who.revision,
            question=asked.question,
            answer=read.answer,
            prompt_tokens=read.prompt_tokens,
            completion_tokens=read.completion_tokens,
            stored=now,
            expires=now + lead.tier.ttl(asked),
        )


class Read(NamedTuple):
    """Of an engine's answer, whole."""

    answer: bytes
    """As an entry has it."""
    prompt_tokens: int
    completion_tokens: int


def _read(kind: Kind, said: Answered) -> Read | NotWhole:
    if not said.answer:
        return NotWhole("too-long-or-broken")
    try:
        answer = whole(kind, said.answer, streamed=said.streamed)
    except NotWhole as reason:
        return reason
    return Read(replay.kept(kind, answer), *usage.tokens(kind, answer))
