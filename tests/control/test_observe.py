"""Questions are asked at their own pace, and an answer that is another one wakes whoever asked. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tests.support.virtual_time import now, run
from tidegate.control.observe import AGAIN, AT_ONCE, OF_A_MODEL, TIMEOUT, Observer
from tidegate.errors import Unavailable
from tidegate.plan.plan import ObjectKey, Query, Question, Request
from tidegate.plan.samples import Complaint, Sample

KEY, OTHER = (ObjectKey("tidegate.dev/v1alpha1", "RoutingPolicy", "shop", name) for name in ("chat", "other"))


def about(name: str, kind: str = "Pod") -> Question:
    return Question(ObjectKey("v1", kind, "shop", name))


ONE, TWO = about("one"), about("two")


class World:
    """Answers questions, and remembers when each was asked and who was woken."""

    def __init__(self) -> None:
        self.answers: dict[Question, Callable[[], Any]] = {}
        self.asked: list[tuple[float, str]] = []
        self.woken: list[tuple[float, str]] = []
        self.hung: set[Question] = set()
        self.slow: dict[Question, float] = {}
        """Seconds that an answer takes."""
        self.observer = Observer(self._answer, lambda key: self.woken.append((now(), key.name)))

    async def _answer(self, question: Question) -> Any:
        self.asked.append((now(), question.about.name))
        await asyncio.sleep(self.slow.get(question, 0.0))
        if question in self.hung:
            await asyncio.sleep(1e6)
        return self.answers.get(question, lambda: "same")()

    def times(self, question: Question) -> list[float]:
        return [at for at, name in self.asked if name == question.about.name]

    def sample(self, question: Question = ONE, key: ObjectKey = KEY) -> Sample | None:
        return self.observer.samples(key).get(question)


def observing(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Plays a story, and stops asking."""

    async def main() -> None:
        world = World()
        await story(world)
        for key in (KEY, OTHER):
            world.observer.forget(key)
        assert len(world.observer) == 0

    run(main())


def test_each_question_at_its_own_pace() -> None:
    async def story(world: World) -> None:
        world.observer.want(KEY, {ONE: 10, TWO: 4})
        assert world.sample() is None, "nothing is asked inside a pass"
        await asyncio.sleep(21)
        assert world.times(ONE) == [0, 10, 20]
        assert world.times(TWO) == [0, 4, 8, 12, 16, 20]
        assert world.sample() == Sample("same", 1)

    observing(story)


def test_a_patient_question_is_asked_later_for_the_first_time() -> None:
    async def story(world: World) -> None:
        world.observer.want(KEY, {Question(ONE.about, patience=7): 10})
        await asyncio.sleep(30)
        assert world.times(ONE) == [7, 17, 27]

    observing(story)


def test_the_same_plan_again_changes_no_pace() -> None:
    async def story(world: World) -> None:
        for _ in range(7):
            world.observer.want(KEY, {ONE: 10})
            await asyncio.sleep(3)
        assert world.times(ONE) == [0, 10, 20]

    observing(story)


def test_a_newer_plan_that_asks_more_often_is_asked_sooner() -> None:
    async def story(world: World) -> None:
        world.observer.want(KEY, {ONE: 60})
        await asyncio.sleep(10)
        world.observer.want(KEY, {ONE: 1})
        await asyncio.sleep(2.5)
        assert world.times(ONE) == [0, 11, 12]

    observing(story)


def test_it_is_never_later_than_the_older_plan_said() -> None:
    async def story(world: World) -> None:
        world.observer.want(KEY, {ONE: 60})
        await asyncio.sleep(55)
        world.observer.want(KEY, {ONE: 30})
        await asyncio.sleep(40)
        assert world.times(ONE) == [0, 60, 90]

    observing(story)


def test_a_newer_plan_that_asks_less_often_ends_no_pause() -> None:
    async def story(world: World) -> None:
        world.observer.want(KEY, {ONE: 10})
        await asyncio.sleep(5)
        world.observer.want(KEY, {ONE: 100})
        await asyncio.sleep(110)
        assert world.times(ONE) == [0, 10, 110]

    observing(story)


def test_what_no_plan_asks_any_more_is_dropped() -> None:
    async def story(world: World) -> None:
        world.observer.want(KEY, {ONE: 1, TWO: 1})
        await asyncio.sleep(0.5)
        world.observer.want(KEY, {TWO: 1})
        assert len(world.observer) == 1
        assert world.sample(ONE) is None
        assert world.sample(TWO)
        await asyncio.sleep(3)
        assert world.times(ONE) == [0]
        world.observer.forget(KEY)
        assert world.observer.samples(KEY) == {}
        await asyncio.sleep(3)
        assert world.times(TWO) == [0, 1, 2, 3]

    observing(story)


def test_a_question_that_is_dropped_while_it_hangs_wakes_nobody() -> None:
    async def story(world: World) -> None:
        world.hung.add(ONE)
        world.observer.want(KEY, {ONE: 1})
        await asyncio.sleep(1)
        world.observer.forget(KEY)
        await asyncio.sleep(2 * TIMEOUT)
        assert world.woken == []
        world.hung.clear()
        world.observer.want(KEY, {ONE: 1})
        await asyncio.sleep(0.5)
        assert world.woken == [(1 + 2 * TIMEOUT, "chat")]

    observing(story)


def test_who_is_never_known_is_forgotten() -> None:
    async def story(world: World) -> None:
        world.observer.forget(KEY)
        world.observer.want(KEY, {})
        assert world.observer.samples(KEY) == {}

    observing(story)


def test_the_same_question_of_two_keys_is_asked_for_each() -> None:
    async def story(world: World) -> None:
        world.observer.want(KEY, {ONE: 10})
        world.observer.want(OTHER, {ONE: 10})
        assert len(world.observer) == 2
        await asyncio.sleep(1)
        world.observer.forget(KEY)
        assert world.sample(ONE, OTHER) == Sample("same", 1)
        assert sorted(name for _, name in world.woken) == ["chat", "other"]

    observing(story)


def test_a_question_that_hangs_delays_no_other() -> None:
    async def story(world: World) -> None:
        world.hung.add(ONE)
        world.observer.want(KEY, {ONE: 1, TWO: 1})
        await asyncio.sleep(TIMEOUT + 0.5)
        assert world.times(TWO) == list(range(11))
        assert world.times(ONE) == [0]
        assert world.sample(ONE) == Sample(None, TIMEOUT + 0.5, f"no answer within {TIMEOUT:.0f} s", 0.5)
        await asyncio.sleep(1)
        assert world.times(ONE) == [0, TIMEOUT + 1]

    observing(story)


def test_only_so_many_are_under_way_at_once() -> None:
    """However many hang, the others get their turn."""

    async def story(world: World) -> None:
        slow = [about(f"slow-{n}") for n in range(AT_ONCE)]
        world.hung |= set(slow)
        world.observer.want(KEY, dict.fromkeys(slow, 100.0) | {TWO: 100.0})
        await asyncio.sleep(TIMEOUT - 1)
        assert len(world.asked) == AT_ONCE
        await asyncio.sleep(2)
        assert world.times(TWO) == [TIMEOUT]
        assert world.sample(TWO) == Sample("same", 1), "waiting for a turn is no time of the answer's"

    observing(story)


def test_each_kind_has_room_of_its_own() -> None:
    """Stores that hang keep no router waiting."""

    async def story(world: World) -> None:
        slow = [about(f"slow-{n}", "CacheTier") for n in range(2 * AT_ONCE)]
        world.hung |= set(slow)
        world.observer.want(OTHER, dict.fromkeys(slow, 100.0))
        world.observer.want(KEY, {TWO: 1})
        await asyncio.sleep(2.5)
        assert world.times(TWO) == [0, 1, 2]

    observing(story)


def test_no_gate_waits_for_smoke_tests() -> None:
    """They may take minutes each, also those of the same model."""

    async def story(world: World) -> None:
        slow = [replace(ONE, version=str(n), smoke=Request("/", "", 600.0)) for n in range(2 * AT_ONCE)]
        asked = replace(ONE, query=Query("x", 0.0))
        world.hung |= set(slow)
        world.observer.want(OTHER, dict.fromkeys(slow, 100.0))
        world.observer.want(KEY, {asked: 1})
        await asyncio.sleep(2.5)
        assert world.sample(asked) == Sample("same", 0.5)

    observing(story)


def test_what_people_write_keeps_nobody_else_waiting() -> None:
    """Smoke tests of ten minutes each, and another model's questions."""

    async def story(world: World) -> None:
        models = [ObjectKey("tidegate.dev/v1alpha1", "ModelDeployment", "shop", name) for name in ("slow", "quick")]
        slow = [Question(models[0], str(n), smoke=Request("/v1/models", "", 600)) for n in range(2 * AT_ONCE)]
        quick = [Question(models[1], query=Query("x", 0.0)), Question(models[1], smoke=slow[0].smoke)]
        world.hung |= set(slow)
        world.observer.want(KEY, dict.fromkeys(slow, 30))
        await asyncio.sleep(1)
        assert len(world.asked) == OF_A_MODEL
        world.observer.want(OTHER, dict.fromkeys(quick, 30))
        await asyncio.sleep(1)
        assert all(world.sample(question, OTHER) for question in quick)

    observing(story)


def test_the_last_answer_stays_beside_an_error() -> None:
    async def story(world: World) -> None:
        world.observer.want(KEY, {ONE: 10})
        await asyncio.sleep(5)
        world.hung.add(ONE)
        await asyncio.sleep(20)
        assert world.sample() == Sample("same", 25, f"no answer within {TIMEOUT:.0f} s", 5)
        world.hung.clear()
        await asyncio.sleep(10)
        assert world.sample() == Sample("same", 1)
        assert [at for at, _ in world.woken] == [0, 20, 34]

    observing(story)


def test_silence_lasts_from_the_first_question_without_an_answer() -> None:
    """Not from the last answer: whoever is asked once a minute is not silent for a minute after one that is missed."""

    async def story(world: World) -> None:
        world.observer.want(KEY, {ONE: 60})
        await asyncio.sleep(59.5)
        assert world.sample() == Sample("same", 59.5)
        world.answers[ONE] = fails(Unavailable("no"))
        await asyncio.sleep(1)
        assert world.sample() == Sample("same", 60.5, "no", 0.5)
        await asyncio.sleep(4)
        assert world.sample() == Sample("same", 64.5, "no", 4.5), "and from the first of several"
        world.answers[ONE] = fails(Unavailable("no, again"))
        await asyncio.sleep(2)
        assert world.sample() == Sample("same", 66.5, "no, again", 6.5), "whatever each of them says"
        del world.answers[ONE]
        await asyncio.sleep(2)
        assert (world.sample() or Sample(None, 0)).failing == 0.0
        world.answers[ONE] = fails(Unavailable("no"))
        await asyncio.sleep(60)
        sample = world.sample()
        assert sample
        assert sample.failing < AGAIN + 60 - 58, "a new silence begins anew"

    observing(story)


@pytest.mark.parametrize(("pace", "then"), [(60.0, AGAIN), (1.0, 1.0)])
def test_a_question_without_an_answer_is_asked_again_soon(pace: float, then: float) -> None:
    async def story(world: World) -> None:
        world.answers[ONE] = fails(Unavailable("no"))
        world.observer.want(KEY, {ONE: pace})
        await asyncio.sleep(then + 0.5)
        assert world.times(ONE) == [0, then]
        del world.answers[ONE]
        await asyncio.sleep(then + pace - 1)
        assert world.times(ONE) == [0, then, 2 * then], "and then at its own pace"

    observing(story)


def test_only_another_answer_wakes() -> None:
    async def story(world: World) -> None:
        said = iter(["a", "a", "b", "b", "a"])
        world.answers[ONE] = lambda: next(said)
        world.observer.want(KEY, {ONE: 1})
        await asyncio.sleep(4.5)
        assert world.woken == [(0, "chat"), (2, "chat"), (4, "chat")]

    observing(story)


@pytest.mark.parametrize("answer", [None, Complaint()], ids=["the CacheTier is gone", "no Event complains"])
def test_nothing_to_say_wakes_nobody(answer: Any) -> None:
    async def story(world: World) -> None:
        world.answers[ONE] = lambda: answer
        world.observer.want(KEY, {ONE: 1})
        await asyncio.sleep(2.5)
        assert world.woken == []
        world.answers[ONE] = lambda: Complaint("FailedMount", "no volume")
        await asyncio.sleep(1)
        assert world.woken == [(3, "chat")]
        world.answers[ONE] = lambda: answer
        await asyncio.sleep(1)
        assert world.woken == [(3, "chat"), (4, "chat")], "that it is over is news"

    observing(story)


def fails(error: Exception) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "told", "logged"),
    [(Unavailable("Pod shop/one: ConnectError"), "Pod shop/one: ConnectError", 0), (KeyError("x"), "KeyError: 'x'", 3)],
)
def test_an_error_is_an_answer_and_ends_nothing(
    error: Exception, told: str, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(world: World) -> None:
        world.answers[ONE] = fails(error)
        world.observer.want(KEY, {ONE: 1})
        await asyncio.sleep(2.5)
        sample = world.sample()
        assert sample
        assert (sample.value, sample.error) == (None, told)
        assert world.times(ONE) == [0, 1, 2]
        assert len(world.woken) == 1, "the same error is no news"
        del world.answers[ONE]
        await asyncio.sleep(1)
        assert world.sample() == Sample("same", 0.5)
        assert len(world.woken) == 2

    observing(story)
    assert len(caplog.records) == logged


def counted(name: str) -> Question:
    return Question(KEY, name, query=Query(name, 0.0))


def test_what_prometheus_says_at_a_look_wakes_once() -> None:
    """Three objectives, asked at the same moments however long each answer takes."""

    async def story(world: World) -> None:
        first, second, third = (counted(name) for name in ("a", "b", "c"))
        world.slow = {first: 0.0, second: 0.05, third: 0.15}
        world.answers |= dict.fromkeys((first, second, third), object)
        world.observer.want(KEY, {first: 5, second: 5, third: 5})
        await asyncio.sleep(15.5)
        assert {at for at, _ in world.asked} == {0, 5, 10, 15}
        assert [round(at, 2) for at, _ in world.woken] == [0.2, 5.2, 10.2, 15.2]

    observing(story)


def test_answers_slower_than_their_pace() -> None:
    async def story(world: World) -> None:
        world.slow = {counted("a"): 7.0}
        world.observer.want(KEY, {counted("a"): 5})
        await asyncio.sleep(20)
        assert [at for at, _ in world.asked] == [0, 9, 18]

    observing(story)


def test_a_quiet_question_wakes_nobody() -> None:
    async def story(world: World) -> None:
        quiet = replace(about("nodes", "Node"), quiet=True)
        world.answers[quiet] = object
        world.observer.want(KEY, {quiet: 1})
        await asyncio.sleep(3.5)
        assert world.sample(quiet) is not None
        assert world.woken == []

    observing(story)
