"""Every row of the tables in signals.py, and the worked examples of staffing and demand."""

from __future__ import annotations

import pytest

from tests.plan.scaling.looks import NOW, TAUGHT, engine, look, starting
from tidegate.plan.scaling.demand import demands, forecast_of
from tidegate.plan.scaling.forecast import BIN, DAY, Days
from tidegate.plan.scaling.headroom import Minute
from tidegate.plan.scaling.learned import Learned
from tidegate.plan.scaling.policies import Direction
from tidegate.plan.scaling.seen import Engine, Reading
from tidegate.plan.scaling.settings import Kind, Settings, Signal
from tidegate.plan.scaling.signals import Answer, of_load, of_signals
from tidegate.plan.scaling.staffing import need
from tidegate.plan.scaling.ticks import Tick, Ticks

FOUR = [engine(kv=kv, running=21) for kv in (0.70, 0.74, 0.68, 0.72)]


def answer(
    kind: Kind, target: float, *engines: Engine, reading: Reading | None = None, requests: float = 0.0, **more: object
) -> Answer:
    seen = look(*engines, readings={"it": reading} if reading else {}, **more)  # type: ignore[arg-type]
    settings = Settings(signals=(Signal("it", kind, target),), up=Direction(tolerance=0.05))
    [found] = of_signals(seen, Ticks((Tick(NOW, 5.0, 35, 2.0, int(requests)),)), settings)
    return found


@pytest.mark.parametrize(
    ("waiting", "held", "more", "wanted"),
    [
        (5, 2, [], 5),  # 22 for four
        (5, 0, [], 5),  # exactly the target
        (4, 3, [], 0),
        (0, 0, [], 0),
        (5, 2, [starting()], 5),  # it comes
        (0, 20, [], 5),  # held by routers
    ],
)
def test_the_queue_is_a_trigger(waiting: int, held: int, more: list[Engine], wanted: int) -> None:
    found = answer("queueDepth", 5, *(engine(waiting=waiting) for _ in range(4)), *more, held=held)
    assert (found.need, found.keep) == (wanted, wanted)


@pytest.mark.parametrize(
    ("milliseconds", "kv", "waiting", "more", "need_", "keep"),
    [
        (900, 0.2, 0, [], 0, 0),  # slow, and for another reason
        (460, 0.2, 0, [], 0, 0),
        (900, 0.2, 1, [], 3, 3),  # somebody waits
        (526, 0.5, 0, [], 3, 3),
        (526, 0.5, 0, [starting()], 3, 3),
        (524, 0.5, 0, [], 0, 2),  # within the tolerance up
        (450, 0.5, 0, [], 0, 2),
        (449, 0.5, 0, [], 0, 0),
    ],
)
def test_a_latency_is_a_trigger(
    milliseconds: int, kv: float, waiting: int, more: list[Engine], need_: int, keep: int
) -> None:
    engines = [engine(kv=kv, waiting=waiting) for _ in range(2)]
    found = answer("timeToFirstToken", 0.5, *engines, *more, reading=Reading(milliseconds / 1000))
    assert (found.need, found.keep, found.missing) == (need_, keep, "")


@pytest.mark.parametrize(
    ("reading", "missing"),
    [
        (None, "it was not read yet"),
        (Reading(None), "the answer is no number"),
        (Reading(float("nan")), "the answer is no number"),
        (Reading(-1.0), "the answer is no number"),
        (Reading(0.1, 91.0), "the answer is 91 s old"),
        (Reading(error="Prometheus did not answer"), "Prometheus did not answer"),
    ],
)
@pytest.mark.parametrize("kind", ["timeToFirstToken", "timePerOutputToken", "query"])
def test_what_is_missing(kind: Kind, reading: Reading | None, missing: str) -> None:
    found = answer(kind, 1.0, engine(), reading=reading)
    assert found == Answer("it", missing=missing, age=reading.age if reading else 0.0)


def test_ratios() -> None:
    found = answer("query", 20.0, engine(), reading=Reading(50.0))
    assert [found.need, found.keep] == pytest.approx([2.5, 2.75])
    found = answer("requestsPerReplica", 20.0, engine(), requests=50)
    assert [found.need, found.keep] == pytest.approx([2.5, 2.75])
    assert found.words == "50 in all, 20 a replica"


def test_kv_is_answered_by_the_load() -> None:
    settings = Settings(signals=(Signal("kv", "kvCacheUtilization", 0.5),))
    assert settings.ceiling == 0.5
    assert list(of_signals(look(engine()), Ticks((Tick(NOW, 5.0, 35, 2.0, 9),)), settings)) == []


def test_the_example_of_staffing() -> None:
    assert need(2.84, 2.84 / 84, 1.2, Settings()) == pytest.approx(3.96, abs=0.01)
    assert need(2.84, 0.0, 1.0, Settings()) == pytest.approx(3.55)
    for engines, used in ((1, 0.52), (8, 0.79)):
        assert need(engines * used, 0.034, 1.2, Settings()) == pytest.approx(engines, abs=0.02)


def load(arrived: int, queued: int = 0, learned: Learned = TAUGHT) -> dict[str, float]:
    before = [Tick(NOW - 5.0 * i, 5.0, 35, 2.84, 84) for i in range(23, 0, -1)]
    ticks = Ticks((*before, Tick(NOW, 5.0, arrived, 2.84, 84)))
    return {one.name: one.work for one in demands(look(*FOUR, held=queued), ticks, learned, 180.0)}


def test_the_example_of_demand() -> None:
    capacity = TAUGHT.capacity or 0.0
    assert capacity == pytest.approx(2.70 * (1 + 0.6 * 0.62) / (1 + 0.65 * 0.6))
    assert load(35) == {"under way": pytest.approx(2.84), "arrivals": pytest.approx(7.0 / capacity)}
    burst = (75 - (75 * 1.2) ** 0.5) / 5 / capacity
    assert load(75)["burst"] == pytest.approx(burst)
    assert "burst" not in load(61)
    assert load(35, 4).keys() == load(35).keys()
    assert load(35, 5)["backlog"] == pytest.approx(2.84 + 5 / (capacity * 20))
    assert load(75, 100)["backlog"] == pytest.approx(burst + 100 / (capacity * 20))
    assert load(35, 50, Learned()) == {"under way": pytest.approx(2.84)}


def test_a_forecast_is_at_most_three_times_what_is_at_work_and_one() -> None:
    bin_ = int(NOW // BIN)
    ring = [-1.0] * (2 * DAY)
    for at in range(bin_ - 10, bin_ + 10):
        ring[(at - DAY) % (2 * DAY)] = 7.0 if at < bin_ + 1 else 100.0
    days, minutes = Days(tuple(ring), bin_ - 1), (Minute(7.0, 2.6, 3.6),) * 30
    near = forecast_of(days, minutes, TAUGHT, 2.84, 30.0, NOW)
    far = forecast_of(days, minutes, TAUGHT, 2.84, 600.0, NOW)
    assert near
    assert far
    assert near.work == pytest.approx(7.0 / (TAUGHT.capacity or 0))
    assert far.work == pytest.approx(3 * 2.84 + 1)
    assert forecast_of(days, minutes, Learned(), 2.84, 600.0, NOW) is None
    assert forecast_of(Days(), minutes, TAUGHT, 2.84, 600.0, NOW) is None


def test_headroom_and_slack_come_on_top() -> None:
    settings = Settings()
    [found, _] = of_load(
        demands(look(*FOUR), Ticks((Tick(NOW, 5.0, 35, 2.84, 84),)), TAUGHT, 180.0), TAUGHT, 0.3, settings
    )
    assert found.need == pytest.approx(4.26, abs=0.01)
    assert found.keep == pytest.approx(4.60, abs=0.01)


@pytest.mark.parametrize("value", [1e40, 1e305])
def test_a_number_beyond_all_reason(value: float) -> None:
    """It asks for more than there may ever be; statuses have room for 32 characters."""
    asked = answer("query", 1e-6, *FOUR, reading=Reading(value))
    assert (asked.need, len(f"{asked.need:.2f}")) == (1e6, 10)
