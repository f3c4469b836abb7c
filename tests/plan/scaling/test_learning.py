"""What is learned, minute by minute: capacity, dispersion, headroom, start-up times, yesterday."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.scaling.looks import NOW, TAUGHT, engine, later, look, steady
from tidegate.plan.scaling.decide import decide
from tidegate.plan.scaling.forecast import BIN, DAY, UNKNOWN, Days, ahead, remember
from tidegate.plan.scaling.headroom import Headroom, Minute, minute, over
from tidegate.plan.scaling.learned import Learned, calm
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.startup import Startups, measure
from tidegate.plan.scaling.state import State
from tidegate.plan.scaling.ticks import Tick, Ticks

TWO = look(*(engine(kv=0.6, running=18, token_seconds=0.030) for _ in range(2)), arrived=16)


def test_capacity_is_what_engines_carry() -> None:
    """3.2 requests/s fill 1.2 engines: 2.67 a full one, of which a curve of 0.6 leaves (1 + 0.36) / (1 + 0.39)."""
    learned = steady(TWO, Settings(), 300.0).state.learned
    assert learned.rate / learned.work == pytest.approx(3.2 / 1.2)
    assert learned.footprint == pytest.approx(1.2 / 36)
    assert learned.dispersion == 1.0


def test_a_slower_engine_carries_less() -> None:
    """Steps of 20 ms empty and 40 ms full: gamma 1, drawn a little to 0.6 while there is little to learn from."""
    state = State()
    for i in range(400):
        use = 0.2 + 0.7 * (i % 20) / 20
        seen = look(
            engine(kv=use, running=int(30 * use), token_seconds=0.020 * (1 + use)), now=NOW + 5.0 * i, arrived=5
        )
        state = decide(replace(seen, engines=[replace(seen.engines[0], read=seen.now)]), Settings(), state).state
    assert state.learned.gamma == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("changed", "is_calm"),
    [({}, True), ({"waiting": 2}, False), ({"kv": 0.1, "running": 3}, False), ({"ready": -60.0}, False)],
)
def test_calm(changed: dict[str, float], is_calm: bool) -> None:
    seen = look(*(engine(**{"kv": 0.5, **changed}) for _ in range(2)))  # type: ignore[arg-type]
    assert calm(seen, 256) is is_calm


def test_nothing_is_learned_of_capacity_while_it_is_not_calm() -> None:
    taught = steady(TWO, Settings(), 300.0)
    flood = look(*(engine(kv=0.99, running=30, waiting=50) for _ in range(2)), arrived=60)
    after = steady(later(flood, 305.0), Settings(), 60.0, taught.state).state.learned
    assert (after.rate, after.work) == (taught.state.learned.rate, taught.state.learned.work)
    assert after.occupied != taught.state.learned.occupied


def test_dispersion_of_bursts_and_not_of_a_trend() -> None:
    def learned(counts: list[int]) -> Learned:
        state = State()
        for i, count in enumerate(counts):
            state = decide(later(replace(TWO, arrived=count), 5.0 * i), Settings(), state).state
        return state.learned

    assert learned([10, 90] * 30).dispersion == 30.0
    assert learned(list(range(10, 70))).dispersion == 1.0


def test_ticks() -> None:
    ticks = Ticks()
    for i in range(40):
        ticks = ticks.then(Tick(NOW + 5.0 * i, 5.0, 10 if i < 39 else -1, 2.0, 30))
    assert len(ticks.all) == 24
    assert len(ticks.stable) == 12
    assert ticks.rate == 2.0
    assert ticks.pair is None
    assert Ticks((Tick(NOW, 5.0, -1, 1.0, 1),)).rate is None


@pytest.mark.parametrize(("startup", "windows"), [(40.0, 4), (180.0, 4), (600.0, 2), (3000.0, 1)])
def test_short_panic_windows_are_for_engines_that_start_quickly(startup: float, windows: int) -> None:
    ticks = Ticks()
    for i in range(24):
        ticks = ticks.then(Tick(NOW + 5.0 * i, 5.0, 10 if i < 18 else 100, 2.0, 30))
    assert len(list(ticks.bursts(1.0, startup))) == windows


def headroom(shortfalls: list[float]) -> float:
    """After minutes in which the work was so much more than what was asked for three minutes before."""
    now = Headroom(began=0.0)
    for i, shortfall in enumerate(shortfalls):
        counted = replace(now, arrived=round((2.0 + shortfall) * 0.8 * 60))
        now = minute(counted, 1.0, 2.0, 60.0, Settings(most=12), 60.0 * (i + 1))
        now = replace(now, began=60.0 * (i + 1))
    return now.replicas


def test_headroom_finds_the_quantile_of_shortfalls() -> None:
    assert headroom([0.0] * 50) == pytest.approx(0.0, abs=0.021)
    assert headroom([0.0, 0.0, 3.0]) == pytest.approx(0.38)
    assert headroom([3.0] * 100) == pytest.approx(3.0, abs=0.4)
    assert headroom([9.0] * 100) == 4.0  # a third of maxReplicas
    assert 0.0 < headroom([3.0] * 20 + [0.0] * 60) < headroom([3.0] * 20)


def test_only_the_minutes_of_one_start_up_count() -> None:
    """A shortfall is counted for as many minutes as an engine starts, and one more."""
    quiet = Minute(1.6, 1.6, 2.0)
    now = Headroom((Minute(9.0, 9.0, 2.0), *[quiet] * 20), began=0.0)
    assert minute(replace(now, arrived=96), 1.0, 2.0, 180.0, Settings(), 60.0).replicas == 0.0
    long = minute(replace(now, arrived=96), 1.0, 2.0, 1500.0, Settings(), 60.0)
    assert long.replicas == pytest.approx(0.38)


def test_a_minute_is_over_after_a_minute() -> None:
    assert not over(Headroom(), NOW)
    assert not over(Headroom(began=NOW), NOW + 59)
    assert over(Headroom(began=NOW), NOW + 60)


def test_start_up_times() -> None:
    known = Startups()
    assert known.usual(180.0) == 180.0
    engines = [engine(created=NOW - 4000 + 100 * i, ready=-3900.0 + 110 * i) for i in range(7)]
    known = measure(known, engines)
    assert known.seconds == (120.0, 130.0, 140.0, 150.0, 160.0)
    assert known.usual(180.0) == 140.0
    assert measure(known, engines) == known
    flapped = [replace(engines[6], ready=NOW), *engines[:6]]
    assert measure(known, flapped).seconds == known.seconds
    assert measure(known, [engine(created=NOW - 50, ready=0.0)]).seconds[-1] == 50.0
    assert measure(known, [engine(created=NOW - 50, ready=None)]).counted == frozenset()
    again = Startups(known.seconds)  # as it comes back
    assert measure(again, flapped).seconds == known.seconds
    assert measure(measure(again, flapped), [engine(created=NOW - 50, ready=0.0)]).seconds[-1] == 50.0


def days(rate: float, until: float, minutes: int = 30) -> Days:
    known = Days()
    for i in range(minutes):
        known = remember(known, rate + i % 5, until - 60.0 * (minutes - 1 - i))
    return known


def test_yesterday_is_the_busiest_minute_of_five() -> None:
    noon = (int(NOW // BIN) + 1) * BIN
    known = days(3.0, noon)
    bin_ = int(noon // BIN)
    assert [known.yesterday(bin_ + DAY - back) for back in (1, 2, 6, 7)] == [7.0, 7.0, 7.0, UNKNOWN]
    assert known.yesterday(bin_ + DAY) == UNKNOWN
    assert known.yesterday(bin_ - 1) == UNKNOWN


def test_what_nobody_saw_is_unknown() -> None:
    noon = (int(NOW // BIN) + 1) * BIN
    bin_ = int(noon // BIN)
    known = remember(days(3.0, noon), 9.0, noon + 3 * BIN)
    assert [known.yesterday(bin_ + DAY + ahead_) for ahead_ in (-1, 0, 1, 2, 3)] == [7.0, -1.0, -1.0, 9.0, -1.0]
    assert remember(known, 1.0, noon + 40 * 86_400).yesterday(bin_ + DAY + 2) == UNKNOWN


def test_the_example_of_a_forecast() -> None:
    nine = (int(NOW // 3600) + 1) * 3600.0
    bin_ = int(nine // BIN)
    ring = [UNKNOWN] * (2 * DAY)
    for at, peak in [*((bin_ - back, 3.0) for back in range(1, 8)), (bin_, 4.0), (bin_ + 1, 9.0), (bin_ + 2, 5.0)]:
        ring[(at - DAY) % (2 * DAY)] = peak
    known, today = Days(tuple(ring), bin_ - 1), (Minute(3.3, 1.2, 2.0),) * 30
    assert ahead(known, today, 300.0, nine - 60) == pytest.approx(9.9)
    assert ahead(known, today, 60.0, nine - 60) == pytest.approx(4.4)
    assert ahead(known, (Minute(300.0, 110.0, 2.0),) * 30, 60.0, nine - 60) == pytest.approx(4.0 * 1.5)
    assert ahead(known, (Minute(0.0, 0.0, 1.0),) * 30, 60.0, nine - 60) == pytest.approx(4.0 * 0.5)
    assert ahead(known, today[:4], 300.0, nine - 60) is None
    assert ahead(Days(), today, 240.0, nine) is None


def test_a_decision_remembers_its_minutes() -> None:
    found = steady(TWO, Settings(), 3600.0, State(learned=TAUGHT))
    assert len(found.state.headroom.minutes) == 31
    assert max(found.state.days.peaks) == pytest.approx(3.2)
