"""How many engines models should have, look by look, beside the passes: engines are read every 2 s and decided on every 5 s.

A plan says what is looked at (plan.Scale), a pass reads the newest decision, and a key is queued when the number or its reason is
another one than before. What was learned is kept in the status by the pass; the windows of the last minutes are not, so that an operator
that begins anew takes nothing away at first.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from tidegate.plan.capacity.nodes import Nodes
from tidegate.plan.capacity.room import room
from tidegate.plan.plan import ObjectKey, Scale
from tidegate.plan.samples import Measurement, Sample, Samples
from tidegate.plan.scaling.decide import EVERY, Decision, decide
from tidegate.plan.scaling.engine_metrics import Page, Unread
from tidegate.plan.scaling.readings import Read, engine
from tidegate.plan.scaling.seen import Reading, Seen
from tidegate.plan.scaling.state import State, restored

log = logging.getLogger("tidegate.scale")

READ_EVERY: Final = 2.0
"""Seconds between two readings of an engine."""
AT_ONCE: Final = 32
"""Pages that are read at a time, of all models together."""
REMEMBER: Final = 600.0
"""Seconds after which a pass is asked for, which writes down what was learned."""
TOLD: Final = 100
"""Decisions of a model that are kept for people."""

NOTHING: Final = State()

ReadPage = Callable[[str], Awaitable[Page | Unread]]


@dataclass
class _Scaled:
    """A model that is looked at."""

    order: Scale
    state: State
    task: asyncio.Task[None] | None = None
    pages: dict[str, Read] = field(default_factory=dict)
    looked: float = -EVERY
    woken: float = 0.0
    """When it was last looked at, and a pass was last asked for, by the loop's clock."""
    decision: Decision | None = None
    decisions: deque[tuple[float, Decision]] = field(default_factory=lambda: deque(maxlen=TOLD))
    """Without what they remembered."""


class Scaler:
    """Keeps looking at what the newest plans want looked at."""

    def __init__(
        self,
        read: ReadPage,
        samples: Callable[[ObjectKey], Samples],
        wake: Callable[[ObjectKey], None],
        clock: Callable[[], float],
    ) -> None:
        self._read, self._samples, self._wake, self._clock = read, samples, wake, clock
        self._models: dict[ObjectKey, _Scaled] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    def want(self, key: ObjectKey, order: Scale | None) -> None:
        """What a key's newest plan wants; None: nothing is decided for it any more."""
        known = self._models.get(key)
        if order is None:
            self._forget(key)
        elif known:
            known.order = order
        else:
            loop = asyncio.get_running_loop()
            made = self._models[key] = _Scaled(order, restored(order.memory), woken=loop.time())
            made.task = loop.create_task(self._keep_looking(key, made))

    def _forget(self, key: ObjectKey) -> None:
        known = self._models.pop(key, None)
        if known and known.task:
            known.task.cancel()

    def decision(self, key: ObjectKey) -> Decision | None:
        """The newest one of a model."""
        known = self._models.get(key)
        return known.decision if known else None

    def decisions(self, key: ObjectKey) -> list[tuple[float, Decision]]:
        """The last ones, the oldest first, with when they were made (Unix, seconds)."""
        known = self._models.get(key)
        return list(known.decisions) if known else []

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
                if began - model.looked >= EVERY - READ_EVERY / 2:
                    model.looked = began
                    self._look(key, model, clock())
            except Exception:
                log.exception("%s: this should not happen; looked at again", key)
            await asyncio.sleep(max(0.1, READ_EVERY * random.uniform(0.95, 1.05) - (clock() - began)))

    async def _read_all(self, model: _Scaled) -> None:
        """Those that answer their probe, and those that leave, whose streams are load until they end."""
        asked = [one for one in model.order.engines if one.ready is not None or one.draining]
        found = await asyncio.gather(*(self._page(one.address) for one in asked))
        for one, page in zip(asked, found, strict=True):
            if isinstance(page, Unread):
                continue
            before, now = model.pages.get(one.uid), self._clock()
            model.pages[one.uid] = before.then(page, now) if before else Read(page, now)
        here = {one.uid for one in model.order.engines}
        model.pages = {uid: read for uid, read in model.pages.items() if uid in here}

    async def _page(self, address: str) -> Page | Unread:
        async with self._room:
            return await self._read(address)

    def _look(self, key: ObjectKey, model: _Scaled, moment: float) -> None:
        order, now, before = model.order, self._clock(), model.decision
        made = decide(self._seen(key, model, now), order.settings, model.state)
        model.state, model.decision = made.state, made
        model.pages = {uid: read.looked() for uid, read in model.pages.items()}
        model.decisions.append((now, replace(made, state=NOTHING)))
        if made.replicas != order.replicas:
            log.info("%s: %d instead of %d engines: %s", key, made.replicas, order.replicas, made.words)
        news = before is None or (before.replicas, before.limit) != (made.replicas, made.limit)
        if news or made.replicas != order.replicas or moment - model.woken >= REMEMBER:
            model.woken = moment
            self._wake(key)

    def _seen(self, key: ObjectKey, model: _Scaled, now: float) -> Seen:
        order, samples = model.order, self._samples(key)
        return Seen(
            now=now,
            replicas=order.replicas,
            engines=[
                engine(one.uid, one.created, one.ready, one.draining, model.pages.get(one.uid)) for one in order.engines
            ],
            arrived=sum(read.arrived for read in model.pages.values()),
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
        return Reading(error=sample.error or "no answer")
    if said.error:
        return Reading(error=said.error)
    if len(said.series) != 1 or not said.series[0].points:
        return Reading(error=f"the query gives {len(said.series)} series: it must give one")
    return Reading(said.series[0].points[-1][1], sample.age)
