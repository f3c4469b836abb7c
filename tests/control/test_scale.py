"""Engines are read, looks are made, and a key is queued when a decision is news. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import key_of, model
from tests.support.virtual_time import now, run
from tidegate.control.scale import Scaler, reading
from tidegate.engines.metrics import Page, Unread
from tidegate.plan.capacity.nodes import Node, Nodes
from tidegate.plan.plan import Door, Footprint, ObjectKey, Query, Question, Replica, Scale
from tidegate.plan.samples import Measurement, Sample, Samples, Series
from tidegate.plan.scaling.decide import Decision, decide
from tidegate.plan.scaling.hung import Hung
from tidegate.plan.scaling.prefixes import Rates
from tidegate.plan.scaling.seen import Reading, Seen
from tidegate.plan.scaling.settings import Settings, Signal
from tidegate.plan.scaling.state import State

KEY = key_of(model())
QUEUE = Settings(least=1, most=8, signals=(Signal("queue", "queueDepth", 5),))


def page(running: int = 1, waiting: int = 0, finished: float = 0) -> Page:
    return Page(
        running=running, waiting=waiting, kv=0.1, prompt=0, generated=0, finished=finished, token_seconds=0, tokens=0
    )


class World:
    """Engines by address."""

    def __init__(self) -> None:
        self.pages: dict[str, Page | Unread] = {}
        self.read: list[str] = []
        self.woken: list[ObjectKey] = []
        self.samples: Samples = {}
        self.scaler = Scaler(
            self._page,
            lambda _: self.samples,
            self.woken.append,
            lambda: 1000 + now(),
        )

    async def _page(self, address: str) -> Page | Unread:
        self.read.append(address)
        return self.pages.get(address, Unread("vllm:num_requests_running", "running"))

    def order(self, *addresses: str, replicas: int = 1) -> Scale:
        engines = tuple(Replica(f"uid-{a}", a, 0.0, 500.0, False) for a in addresses)
        return Scale(QUEUE, replicas, engines, {}, {})

    async def until(self, looks: int) -> None:
        while len(self.scaler.looks(KEY)) < looks:
            await asyncio.sleep(1)


def scaling(story: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test of this story, in a world of its own."""

    async def main() -> None:
        world = World()
        await story(world)
        world.scaler.want(KEY, None)

    return lambda: run(main())


@scaling
async def test_a_queue_makes_more(world: World) -> None:
    world.pages["a"] = page(running=8, waiting=20)
    world.scaler.want(KEY, world.order("a"))
    await world.until(1)
    decision = world.scaler.decision(KEY)
    assert decision
    assert decision.replicas > 1
    assert world.woken[0] == KEY


@scaling
async def test_nothing_new_wakes_nobody(world: World) -> None:
    world.pages["a"] = page(running=0)
    world.scaler.want(KEY, world.order("a"))
    await world.until(2)
    before = len(world.woken)
    await world.until(6)
    decision = world.scaler.decision(KEY)
    assert decision
    assert (decision.replicas, len(world.woken) - before) == (1, 0)
    assert len(world.read) >= 6


@scaling
async def test_an_engine_that_says_nothing_holds(world: World) -> None:
    world.pages["a"] = page()
    world.scaler.want(KEY, world.order("a", "b", replicas=2))
    await world.until(3)
    decision = world.scaler.decision(KEY)
    assert decision
    assert decision.replicas == 2
    assert "engines say nothing" in decision.words or decision.limit in ("Window", "NoMetrics", "Steady")


@scaling
async def test_what_is_missing_is_told_once_and_taken_back(world: World) -> None:
    """Not before 15 s, and in the same words for as long as it lasts."""
    assert world.scaler.gaps(KEY) is None
    world.pages["a"] = page()
    world.scaler.want(KEY, world.order("a", "b", replicas=2))
    await world.until(2)
    assert world.scaler.gaps(KEY) == ()
    await world.until(5)
    [gap] = world.scaler.gaps(KEY) or ()
    assert (gap.reason, "vllm:num_requests_running, which the load needs" in gap.words) == ("MetricMissing", True)
    await world.until(20)
    assert world.scaler.gaps(KEY) == (gap,)
    before = len(world.woken)
    world.pages["b"] = page()
    await world.until(22)
    assert (world.scaler.gaps(KEY), len(world.woken) > before) == ((), True)


@scaling
async def test_a_newer_plan_is_followed(world: World) -> None:
    world.pages["a"] = world.pages["b"] = page()
    world.scaler.want(KEY, world.order("a"))
    await world.until(1)
    world.scaler.want(KEY, world.order("b"))
    world.read.clear()
    await world.until(4)
    assert set(world.read[1:]) == {"b"}


@scaling
async def test_nobody_looks_any_more(world: World) -> None:
    world.scaler.want(KEY, world.order("a"))
    await world.until(1)
    world.scaler.want(KEY, None)
    assert (len(world.scaler), world.scaler.decision(KEY), world.scaler.looks(KEY)) == (0, None, [])


def test_what_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    @scaling
    async def story(world: World) -> None:
        world.scaler.want(KEY, replace(world.order("a"), settings="wrong"))  # type: ignore[arg-type]
        while "this should not happen" not in caplog.text:
            await asyncio.sleep(1)
        world.scaler.want(KEY, world.order("a"))
        await world.until(1)

    story()


ONE = Question(KEY, query=Query("x", 0.0))


@pytest.mark.parametrize(
    ("sample", "wanted"),
    [
        (None, Reading(error="it was not asked yet")),
        (Sample(None, 0.0, "gone"), Reading(error="gone", asked=False)),
        (Sample(Measurement(error="refused", fault="refused"), 3.0), Reading(error="refused", asked=False)),
        (Sample(Measurement(error="no PromQL", fault="query"), 3.0), Reading(error="no PromQL")),
        (Sample(Measurement(), 3.0), Reading(error="the query gives 0 series: it must give one")),
        (Sample(Measurement((Series({}, ((1.0, 0.4),)),)), 3.0), Reading(0.4, 3.0)),
    ],
)
def test_what_prometheus_said(sample: Sample | None, wanted: Reading) -> None:
    assert reading(sample) == wanted


def test_a_request_for_a_model_without_engines_is_decided_on_at_once() -> None:
    async def whole() -> float:
        held: dict[str, int] = {}
        woken: list[float] = []
        clock = asyncio.get_running_loop().time

        async def ask(_: str) -> dict[str, int]:
            return dict(held)

        async def read(_: str) -> Unread:
            return Unread("nobody")

        scaler = Scaler(read, lambda _: {}, lambda _: woken.append(clock()), lambda: 1000 + clock(), ask)
        zero = replace(QUEUE, least=0, idle_after=600.0)
        scaler.want(KEY, Scale(zero, 0, (), {}, {}, doors=(Door("a", leaves=False),)))
        await asyncio.sleep(31)
        decision = scaler.decision(KEY)
        assert decision
        assert (decision.replicas, decision.words) == (0, "nobody asks")
        began = clock()
        held[KEY.name] = 1
        while decision.replicas == 0:
            await asyncio.sleep(0.01)
            decision = scaler.decision(KEY)
            assert decision
        assert (decision.replicas, decision.words) == (1, "a request waits for the first engine")
        scaler.want(KEY, None)
        return woken[-1] - began

    assert run(whole()) < 0.5


GPUS = Question(ObjectKey("v1", "Node", "", "nvidia.com/gpu"), quiet=True)
NEEDS = Footprint({"containers": [{"resources": {"limits": {"nvidia.com/gpu": "1"}}}]}, "nvidia.com/gpu")


@pytest.mark.parametrize(
    ("sample", "room"),
    [
        (Sample(Nodes((Node("a", 3),)), 0.0), 2),
        (Sample(Nodes(unknown="forbidden"), 0.0), None),
        (Sample(Nodes((Node("a", 3),)), 0.0, error="gone"), None),
        (None, None),
    ],
)
def test_how_many_more_have_room(sample: Sample | None, room: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of its own Pods waits for a node already."""
    looks: list[Seen] = []

    def remembering(seen: Seen, settings: Settings, state: State) -> Decision:
        looks.append(seen)
        return decide(seen, settings, state)

    @scaling
    async def story(world: World) -> None:
        world.pages["a"] = page()
        world.samples = {GPUS: sample} if sample else {}
        world.scaler.want(KEY, replace(world.order("a"), footprint=NEEDS, nodes=GPUS, placed=("a", "")))
        await world.until(1)

    monkeypatch.setattr("tidegate.control.scale.decide", remembering)
    story()
    assert looks[0].room == room


@scaling
async def test_looks_are_kept_and_told(world: World) -> None:
    world.pages["a"] = page(running=8, waiting=20)
    world.scaler.want(KEY, world.order("a", "b"))
    await world.until(2)
    told = world.scaler.account(KEY)
    assert told
    assert told["silent"] == 1
    assert {"queue", "under way"} <= {signal["name"] for signal in told["looks"][-1]["signals"]}
    [figures] = world.scaler.figures()
    assert sum(figures.limits.values()) == len(told["looks"])
    assert world.scaler.account(key_of(model("another"))) is None


@scaling
async def test_an_engine_that_hangs_is_told(world: World) -> None:
    """It is out while another one is well; and a pass is asked for when that changes, not at each reading."""
    world.pages["a"], world.pages["b"] = page(running=3), page(running=0)
    world.scaler.want(KEY, world.order("a", "b", replicas=2))
    while not world.scaler.hung(KEY):
        await asyncio.sleep(1)
    assert [(one.uid, one.out) for one in world.scaler.hung(KEY) or ()] == [("uid-a", True)]
    assert {uid: load.requests for uid, load in world.scaler.loads(KEY).items()} == {"uid-a": 3, "uid-b": 0}
    before = len(world.woken)
    await asyncio.sleep(20)
    assert len(world.woken) == before
    world.pages["a"] = replace(page(running=3), generated=1.0)
    while world.scaler.hung(KEY):
        await asyncio.sleep(1)


@scaling
async def test_an_operator_that_begins_anew_keeps_it_out(world: World) -> None:
    """Until it moves."""
    world.pages["a"], world.pages["b"] = page(running=3), page(running=0)
    before = (Hung("uid-a", 500.0, 3, out=True),)
    world.scaler.want(KEY, replace(world.order("a", "b", replicas=2), hung=before))
    assert world.scaler.hung(KEY) == before
    await asyncio.sleep(5)
    found = world.scaler.hung(KEY)
    assert found
    assert [(one.uid, one.out, one.evicted) for one in found] == [("uid-a", True, False)]
    world.pages["a"] = replace(page(running=3), generated=1.0)
    while world.scaler.hung(KEY):
        await asyncio.sleep(1)


@scaling
async def test_engines_of_a_model_that_does_not_scale_are_watched_all_the_same(world: World) -> None:
    world.pages["a"], world.pages["b"] = page(running=3), page(running=0)
    world.scaler.want(KEY, replace(world.order("a", "b"), settings=None))
    while not world.scaler.hung(KEY):
        await asyncio.sleep(1)
    assert (world.scaler.decision(KEY), world.scaler.account(KEY), list(world.scaler.figures())) == (None, None, [])
    assert 6 < len(world.read) < 20, "every 5 s, two of them"


@scaling
async def test_what_was_decided_for_another_provider_is_not_obeyed(world: World) -> None:
    world.pages["a"] = page(running=1, waiting=30)
    order = world.order("a")
    world.scaler.want(KEY, replace(order, obeyed=False))
    await world.until(1)
    assert world.scaler.decision(KEY)
    world.scaler.want(KEY, order)
    assert world.scaler.decision(KEY) is None, "until the next look"
    await world.until(2)
    assert world.scaler.decision(KEY)


@scaling
async def test_what_prefix_caches_find_is_told_when_it_moves(world: World) -> None:
    idle = replace(world.order("a"), settings=None)
    world.pages["a"] = page(running=0)
    world.scaler.want(KEY, idle)
    await asyncio.sleep(6)
    assert world.scaler.rates(KEY) is None
    world.pages["a"] = replace(page(running=0), queries=2000, hits=500, external_queries=1500, external_hits=1500)
    await asyncio.sleep(6)
    assert world.scaler.rates(KEY) == Rates(25, 100)
    assert world.woken == [KEY]
    await asyncio.sleep(60)
    assert world.woken == [KEY], "nothing moved"
