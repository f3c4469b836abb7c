"""How many engines models should have, look by look, beside the passes: engines are read every 2 s and decided on every 5 s. Those of models that
do not scale are read, too, less often: whether an engine hangs is asked of all.

A plan says what is looked at (plan.Scale), a pass reads the newest decision, and a key is queued when the number or its reason is
another one than before. What was learned is kept in the status by the pass; the windows of the last minutes are not, so that an operator
that begins anew takes nothing away at first.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from tidegate.control.doors import Ask, Doors, Held
from tidegate.engines.metrics import Page, Unread
from tidegate.plan.capacity.nodes import Nodes
from tidegate.plan.capacity.room import room
from tidegate.plan.plan import ObjectKey, Scale
from tidegate.plan.samples import Measurement, Sample, Samples
from tidegate.plan.scaling.account import Look, account
from tidegate.plan.scaling.decide import EVERY, GAP, Decision, decide
from tidegate.plan.scaling.gaps import Gap, counted, lasting, of_engine, of_signals
from tidegate.plan.scaling.hung import Hung, Load, Standing, follow, judge, loads, resumed
from tidegate.plan.scaling.prefixes import Prefixes, Rates, rates, shown
from tidegate.plan.scaling.readings import Read, engine
from tidegate.plan.scaling.seen import Reading, Seen
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.shown import Shown, show
from tidegate.plan.scaling.state import State, restored
from tidegate.plan.scaling.totals import totals

log = logging.getLogger("tidegate.scale")

READ_EVERY: Final = 2.0
"""Seconds between two readings of an engine."""
WATCHED_EVERY: Final = 5.0
"""Seconds between two readings of an engine whose model does not scale."""
AT_ONCE: Final = 32
"""Pages that are read at a time, of all models that scale together; and of all others."""
REMEMBER: Final = 600.0
"""Seconds after which a pass is asked for, which writes down what was learned."""
TOLD: Final = 100
"""Decisions of a model that are kept for people."""

NOTHING: Final = State()


async def _unasked(_: str) -> None:
    """Where no router is asked."""


ReadPage = Callable[[str], Awaitable[Page | Unread]]


@dataclass
class _Scaled:
    """A model that is looked at."""

    order: Scale
    state: State
    task: asyncio.Task[None] | None = None
    pages: dict[str, Read] = field(default_factory=dict)
    unread: dict[str, Unread] = field(default_factory=dict)
    """Of engines whose last page is no reading."""
    gaps: tuple[Gap, ...] = ()
    told: tuple[Gap, ...] | None = None
    """Those of them that count; None before the first look."""
    standings: dict[str, Standing] = field(default_factory=dict)
    hung: tuple[Hung, ...] = ()
    prefixes: Prefixes = field(default_factory=Prefixes)
    rates: Rates | None = None
    """Of what its engines look up and find in their prefix caches, as people are shown it."""
    looked: float = -EVERY
    woken: float = 0.0
    """When it was last looked at, and a pass was last asked for, by the loop's clock."""
    shown: Shown | None = None
    silent: int = 0
    """Engines that said nothing at the last look."""
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=TOLD))
    limits: Counter[str] = field(default_factory=Counter)
    """How many looks each limit made."""


class Figures(NamedTuple):
    """Of one model."""

    key: ObjectKey
    look: Look
    """The newest."""
    silent: int
    """Engines that said nothing at it."""
    limits: Mapping[str, int]
    """How many looks each limit made."""


class Scaler:
    """Keeps looking at what the newest plans want looked at."""

    def __init__(
        self,
        read: ReadPage,
        samples: Callable[[ObjectKey], Samples],
        wake: Callable[[ObjectKey], None],
        clock: Callable[[], float],
        held: Ask = _unasked,
    ) -> None:
        self._read, self._samples, self._wake, self._clock = read, samples, wake, clock
        self._models: dict[ObjectKey, _Scaled] = {}
        self._rooms = {scales: asyncio.Semaphore(AT_ONCE) for scales in (True, False)}
        self._doors = Doors(held, self._knocked)

    def want(self, key: ObjectKey, order: Scale | None) -> None:
        """What a key's newest plan wants; None: nothing is decided for it any more."""
        known = self._models.get(key)
        if order is None:
            self._forget(key)
        elif known:
            known.shown = (
                known.shown if known.order.obeyed == order.obeyed else None
            )  # windows and policies were another's
            known.order = order
        else:
            loop = asyncio.get_running_loop()
            state = restored(order.memory, order.days)
            made = self._models[key] = _Scaled(order, state, hung=order.hung, woken=loop.time())
            made.task = loop.create_task(self._keep_looking(key, made))
        if order:
            self._doors.want(key, order.doors, often=order.replicas == 0)

    def _forget(self, key: ObjectKey) -> None:
        self._doors.want(key, (), often=False)
        known = self._models.pop(key, None)
        if known and known.task:
            known.task.cancel()

    def decision(self, key: ObjectKey) -> Decision | None:
        """How many engines a model should have by the newest look, why as people are shown it, and what was learned."""
        known = self._models.get(key)
        return replace(known.shown.decision, state=known.state) if known and known.shown else None

    def hung(self, key: ObjectKey) -> tuple[Hung, ...] | None:
        """Engines of a model that hang; None of one that is not looked at."""
        known = self._models.get(key)
        return known.hung if known else None

    def rates(self, key: ObjectKey) -> Rates | None:
        """What a model's engines find in their prefix caches; None while nobody knows."""
        known = self._models.get(key)
        return known.rates if known else None

    def gaps(self, key: ObjectKey) -> tuple[Gap, ...] | None:
        """What a model should be decided by and cannot be; None of one that was not looked at."""
        known = self._models.get(key)
        return known.told if known else None

    def loads(self, key: ObjectKey) -> dict[str, Load]:
        """What a model's engines have under way, by their Pods' uids."""
        known = self._models.get(key)
        return loads(known.standings, self._clock()) if known else {}

    def looks(self, key: ObjectKey) -> list[Look]:
        """The last ones, the oldest first."""
        known = self._models.get(key)
        return list(known.looks) if known else []

    def account(self, key: ObjectKey) -> dict[str, Any] | None:
        """The same as JSON; None of a model that is not looked at."""
        known = self._models.get(key)
        scales = known and known.order.settings
        return account(known.looks, known.silent, self._clock()) if known and scales else None

    def newest(self, key: ObjectKey) -> Look | None:
        """The last look; None of a model that was not looked at, or not lately."""
        known = self._models.get(key)
        look = known.looks[-1] if known and known.looks else None
        return look if look and abs(self._clock() - look.at) <= GAP else None

    def figures(self) -> Iterator[Figures]:
        """Of every model that was looked at, for Prometheus."""
        for key, model in self._models.items():
            if model.looks:
                yield Figures(key, model.looks[-1], model.silent, model.limits)

    def __len__(self) -> int:
        """Models that are looked at."""
        return len(self._models)

    async def _keep_looking(self, key: ObjectKey, model: _Scaled) -> None:
        """By the loop's clock, which nobody sets."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._read_all(model)
                self._watch(key, model)
                self._tell(key, model)
                if model.order.settings and began - model.looked >= EVERY - READ_EVERY / 2:
                    model.looked = began
                    self._look(key, model, model.order.settings, clock())
            except Exception:
                log.exception("%s: this should not happen; looked at again", key)
            pause = READ_EVERY if model.order.settings else WATCHED_EVERY
            await asyncio.sleep(max(0.1, pause * random.uniform(0.95, 1.05) - (clock() - began)))

    def _knocked(self, key: ObjectKey) -> None:
        """A request waits for the first engine of a model that has none: it is decided on at once."""
        model = self._models.get(key)
        if model and model.order.settings:
            model.looked = asyncio.get_running_loop().time()
            self._look(key, model, model.order.settings, model.looked)

    async def _read_all(self, model: _Scaled) -> None:
        """Those that answer their probe, and those that leave, whose streams are load until they end."""
        asked = [one for one in model.order.engines if one.ready is not None or one.draining]
        room = self._rooms[model.order.settings is not None]
        found = await asyncio.gather(*(self._page(one.address, room) for one in asked))
        model.unread = {one.uid: page for one, page in zip(asked, found, strict=True) if isinstance(page, Unread)}
        for one, page in zip(asked, found, strict=True):
            if isinstance(page, Unread):
                continue
            before, now = model.pages.get(one.uid), self._clock()
            model.pages[one.uid] = before.then(page, now) if before else Read(page, now)
            model.standings[one.uid] = self._standing(model, one.uid, page, now)
            model.prefixes = model.prefixes.then(before.page, page, now) if before else model.prefixes
        here = {one.uid for one in model.order.engines}
        model.pages = {uid: read for uid, read in model.pages.items() if uid in here}
        model.standings = {uid: standing for uid, standing in model.standings.items() if uid in here}

    @staticmethod
    def _standing(model: _Scaled, uid: str, page: Page, now: float) -> Standing:
        known = model.standings.get(uid)
        return resumed(page, now) if known is None and uid in {h.uid for h in model.hung} else follow(known, page, now)

    def _watch(self, key: ObjectKey, model: _Scaled) -> None:
        """Does any of them hang?"""
        serving = [one.uid for one in model.order.engines if one.ready is not None and not one.draining]
        before = {(one.uid, one.out, one.evicted) for one in model.hung}
        model.hung = judge(model.standings, serving, model.hung, self._clock())
        if before != {(one.uid, one.out, one.evicted) for one in model.hung}:
            log.info("%s: %s", key, model.hung or "no engine hangs any more")
            self._wake(key)

    def _tell(self, key: ObjectKey, model: _Scaled) -> None:
        """Do they find more, or less, than people are shown?"""
        before, model.rates = model.rates, shown(model.rates, rates(model.prefixes))
        if model.rates != before:
            self._wake(key)

    async def _page(self, address: str, room: asyncio.Semaphore) -> Page | Unread:
        async with room:
            return await self._read(address)

    def _look(self, key: ObjectKey, model: _Scaled, settings: Settings, moment: float) -> None:
        order, now = model.order, self._clock()
        seen = self._seen(key, model, settings, now)
        made = decide(seen, settings, model.state)
        model.state, model.silent = made.state, seen.silent
        found = {} if order.obeyed else totals(seen, made.state.ticks, settings)
        model.pages = {uid: read.looked() for uid, read in model.pages.items()}
        news = self._note(model, Look(now, order.replicas, replace(made, state=NOTHING), found))
        news |= self._missed(model, settings, seen)
        late = order.obeyed and made.replicas != order.replicas
        if late:
            log.info("%s: %d instead of %d engines: %s", key, made.replicas, order.replicas, made.words)
        if news or late or moment - model.woken >= REMEMBER:
            model.woken = moment
            self._wake(key)

    @staticmethod
    def _note(model: _Scaled, look: Look) -> bool:
        """Whether people are shown another number or reason."""
        before = model.shown
        model.shown = show(before, look.decision, look.at)
        model.looks.append(look)
        model.limits[look.decision.limit] += 1
        after = model.shown.decision
        return before is None or (before.decision.replicas, before.decision.limit) != (after.replicas, after.limit)

    @staticmethod
    def _missed(model: _Scaled, settings: Settings, seen: Seen) -> bool:
        """Whether something else is missing than before."""
        serving = [one for one in model.order.engines if one.ready is not None and not one.draining]
        pages = ((one, model.unread.get(one.uid)) for one in serving)
        found = [of_engine(one.pod, one.image, said, settings.signals, seen.now) for one, said in pages if said]
        found += of_signals(settings.signals, seen.readings, seen.now)
        model.gaps, before = lasting(model.gaps, found, seen.now), model.told
        model.told = counted(model.gaps, seen.now)
        return model.told != before

    def _seen(self, key: ObjectKey, model: _Scaled, settings: Settings, now: float) -> Seen:
        order, samples = model.order, self._samples(key)
        held = self._doors.held(key) if settings.idle_after is not None else Held()
        return Seen(
            now=now,
            replicas=order.replicas,
            engines=[
                engine(one.uid, one.created, one.ready, one.draining, model.pages.get(one.uid)) for one in order.engines
            ],
            arrived=sum(read.arrived for read in model.pages.values()),
            held=held.requests,
            unheard=held.unheard,
            readings={name: reading(samples.get(question)) for name, question in order.questions.items()},
            room=_room(order, samples),
        )


def _room(order: Scale, samples: Samples) -> int | None:
    """What was answered is good for as long as it is asked again; one that has no answer any more says nothing."""
    sample = samples.get(order.nodes) if order.nodes else None
    if order.footprint is None or sample is None or sample.error or not isinstance(sample.value, Nodes):
        return None
    return room(sample.value, order.footprint, order.placed)


def reading(sample: Sample | None) -> Reading:
    """What Prometheus answered about a signal."""
    if sample is None:
        return Reading(error="it was not asked yet")
    said = sample.value
    if sample.error or not isinstance(said, Measurement):
        return Reading(error=sample.error or "no answer", asked=False)
    if said.error:
        return Reading(error=said.error, asked=said.fault == "query")
    if len(said.series) != 1 or not said.series[0].points:
        return Reading(error=f"the query gives {len(said.series)} series: it must give one")
    return Reading(said.series[0].points[-1][1], sample.age)
