"""How many replicas a model should have: the decision, at each look. Time, what was seen and what was known are arguments.

    observe ──▶ what was learned ──▶ answers of all signals ──▶ wanted ──▶ limits ──▶ replicas, and why

With n replicas asked for (those that start count, so that 2 never becomes 4, 8 and 16 while they start), `need` and `keep` the largest
of all answers (`signals`), u the tolerance up. The first row that fits:

    what is known                               wanted           limit        words, for example
    -----------------------------------------   --------------   ----------   -----------------------------------------------
    nobody asks (`zero`)                        0                Zero         nobody asked for 600 s
    nothing runs, and a request is there        1                Zero         a request waits for the first engine
    no engine that serves was read              n                NoMetrics    no engine has said anything for 15 s
    need > n (1 + u)                            ceil(need)       Signal       arrivals: 7.0 requests/s, an engine carries 2.67
    ceil(keep) < n                              ceil(keep)       Signal       under way: 1.2 of 4 engines are in use
    else                                        n                Steady       under way: 2.84 of 4 engines are in use

Then `limits`, each a row there. Going down asks whether the rest would carry a tenth more than was seen (`keep`): n - 1 or fewer.

    start-up 180 s. Four engines are 0.70, 0.74, 0.68 and 0.72 full with 84 requests: s = 2.84 / 84 = 0.0338; 7.0 requests/s, capacity
    2.67, F = 1.2, headroom 0.30. under way: 2.84 -> need 3.96 + 0.30 = 4.26 -> 5: one starts; with one that starts already, n is 5, and
    none does. keep: 2.84 x 1.1 = 3.12 -> 4.30 + 0.30 = 4.60 -> 5: none leaves. Then 75 requests come in 5 s: burst 13.1 / 2.67 = 4.91
    -> need 6.38 + 0.30 -> 7 in one decision, 5 s after it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from tidegate.plan.scaling import headroom as reserve
from tidegate.plan.scaling import limits, schedules, signals
from tidegate.plan.scaling.demand import Demand, demands, forecast_of
from tidegate.plan.scaling.forecast import remember
from tidegate.plan.scaling.headroom import Headroom
from tidegate.plan.scaling.learned import learn
from tidegate.plan.scaling.limits import Limit, Wanted
from tidegate.plan.scaling.seen import Seen
from tidegate.plan.scaling.settings import Settings
from tidegate.plan.scaling.signals import Answer
from tidegate.plan.scaling.staffing import need
from tidegate.plan.scaling.startup import measure
from tidegate.plan.scaling.state import State
from tidegate.plan.scaling.ticks import Tick, Ticks
from tidegate.plan.scaling.zero import Floor, floor

GAP: Final = 30.0
"""Seconds between two looks after which windows begin anew."""
EVERY: Final = 5.0
"""Seconds between two looks."""
PERIOD: Final = 1800.0
"""Seconds that a policy may look back."""


@dataclass(frozen=True)
class Decision:
    """Of one look."""

    replicas: int
    limit: Limit
    """What made them so many."""
    words: str
    answers: tuple[Answer, ...]
    """Of the load's rows and of each signal."""
    state: State
    """For the next look."""


def decide(seen: Seen, settings: Settings, before: State) -> Decision:
    """The tables here and in `limits`."""
    state = observe(seen, settings, _untaken(before, seen))
    startup = state.startups.usual(settings.startup)
    load = _demands(seen, state, settings, startup) if seen.serving else []
    state = _minute(seen, state, settings, load, startup)
    answers = _answers(seen, state, settings, load)
    scheduled = schedules.in_force(settings.schedules, seen.now)
    bottom = floor(
        seen, settings.least, scheduled.least if scheduled else 0, settings.idle_after, state.busy or seen.now
    )
    wanted = _wanted(seen, settings, answers)
    state, wanted = _limited(wanted, answers, seen, settings, state, startup)
    if bottom.words:
        wanted = Wanted(bottom.least, "Zero", bottom.words)
    wanted = _bounded(wanted, bottom, scheduled, settings)
    return Decision(wanted.replicas, wanted.limit, wanted.words, answers, _changed(state, seen, wanted.replicas))


def observe(seen: Seen, settings: Settings, before: State) -> State:
    """What one more look teaches, whatever is decided."""
    gone = not before.ticks.all or not 0 <= seen.now - before.ticks.last.at <= GAP
    before = _forgotten(before, seen.now) if gone else before
    old = Ticks() if gone else before.ticks
    arrived = -1 if seen.arrived is None or gone else seen.arrived  # since when, nobody knows after a gap
    work = seen.work(settings.sequences)
    headroom = before.headroom
    span = EVERY if gone else max(1e-3, seen.now - old.last.at)
    ticks = old.then(Tick(seen.now, span, arrived, work, seen.running + seen.queued))
    return replace(
        before,
        since=seen.now if gone or before.since is None else before.since,
        ticks=ticks,
        learned=learn(before.learned, seen, ticks, settings.sequences),
        headroom=reserve.count(
            Headroom(headroom.minutes, replicas=headroom.replicas) if gone else headroom, max(0, arrived), seen.now
        ),
        startups=measure(before.startups, seen.engines),
        # in a gap somebody may have asked
        busy=seen.now if gone or before.busy is None or not seen.idle else before.busy,
    )


def _demands(seen: Seen, state: State, settings: Settings, startup: float) -> list[Demand]:
    found = demands(seen, state.ticks, state.learned, startup)
    if settings.forecast:
        work = max(one.work for one in found)
        ahead = forecast_of(state.days, state.headroom.minutes, state.learned, work, startup, seen.now)
        found += [ahead] if ahead else []
    return found


def _minute(seen: Seen, state: State, settings: Settings, load: Sequence[Demand], startup: float) -> State:
    """At the end of a minute: headroom and yesterday learn."""
    if not reserve.over(state.headroom, seen.now):
        return state
    if not load or not state.learned.capacity:
        return replace(state, headroom=replace(state.headroom, began=seen.now, arrived=0))
    work = max(one.work for one in load)
    needed = need(work, state.learned.footprint, state.learned.dispersion, settings)
    after = reserve.minute(state.headroom, state.learned.capacity, needed, startup, settings, seen.now)
    return replace(state, headroom=after, days=remember(state.days, after.minutes[-1].rate, seen.now))


def _answers(seen: Seen, state: State, settings: Settings, load: Sequence[Demand]) -> tuple[Answer, ...]:
    of_load = signals.of_load(load, state.learned, state.headroom.replicas, settings, seen.age)
    return (*of_load, *signals.of_signals(seen, state.ticks, settings))


def _wanted(seen: Seen, settings: Settings, answers: Sequence[Answer]) -> Wanted:
    """The table, from the third row on."""
    n = seen.replicas
    if not seen.serving:
        return Wanted(n, "NoMetrics", "no engine has said anything for 15 s" if seen.silent else "no engine is ready")
    first = max(answers, key=lambda one: one.need)
    if first.need > n * (1 + settings.up.tolerance) + 1e-9:
        return Wanted(_whole(first.need), "Signal", f"{first.name}: {first.words}")
    holds = max(answers, key=lambda one: one.keep)
    keep = _whole(holds.keep)
    return Wanted(min(n, keep), "Signal" if keep < n else "Steady", f"{holds.name}: {holds.words}")


def _limited(
    wanted: Wanted, answers: Sequence[Answer], seen: Seen, settings: Settings, state: State, startup: float
) -> tuple[State, Wanted]:
    span = (down_window(settings, startup), settings.up.window or 0.0)
    keep = max((_whole(one.keep) for one in answers), default=0)
    young = seen.now - (state.since or seen.now) < span[0]
    found = limits.window(wanted, keep, seen.replicas, (state.downs, state.ups), span, seen.now, young)
    wanted = _told(found.wanted, seen, answers)
    wanted = limits.change(wanted, seen, settings, state.changes)
    return replace(state, downs=found.downs, ups=found.ups), wanted


def _told(wanted: Wanted, seen: Seen, answers: Sequence[Answer]) -> Wanted:
    """Nothing leaves while somebody who should say something says nothing."""
    missing = [f"{one.name}: {one.missing}" for one in answers if one.missing]
    missing += [f"{seen.silent} engines say nothing"] if seen.silent else []
    missing += ["a router says nothing"] if seen.arrived is None else []
    return wanted.at_least(seen.replicas, "NoMetrics", "; ".join(missing)) if missing else wanted


def _bounded(wanted: Wanted, bottom: Floor, scheduled: schedules.Schedule | None, settings: Settings) -> Wanted:
    by_schedule = scheduled is not None and bottom.least > settings.least
    words = f"schedule {scheduled.name}" if scheduled and by_schedule else f"minReplicas is {bottom.least}"
    wanted = wanted.at_least(bottom.least, "Schedule" if by_schedule else "Min", bottom.why or words)
    return wanted.at_most(settings.most, "Max", f"maxReplicas is {settings.most}; {wanted.words}")


def _changed(state: State, seen: Seen, replicas: int) -> State:
    by = replicas - seen.replicas
    old = tuple(one for one in state.changes if seen.now - one[0] < PERIOD)
    return replace(state, changes=(*old, (seen.now, by)) if by else old, replicas=seen.replicas)


def _untaken(before: State, seen: Seen) -> State:
    """Without the last change if nobody made it yet: it is decided on again, and policies do not count it twice."""
    if before.replicas != seen.replicas or not before.changes or not before.ticks.all:
        return before
    last = before.changes[-1][0] == before.ticks.last.at
    return replace(before, changes=before.changes[:-1]) if last else before


def _forgotten(before: State, now: float) -> State:
    """After a gap windows begin anew; and what a clock that was ahead wrote down has not been."""
    return replace(
        before,
        downs=(),
        ups=(),
        changes=tuple(one for one in before.changes if one[0] <= now),
    )


def down_window(settings: Settings, startup: float) -> float:
    """Seconds: what the user wrote; else the time of a start, because an engine kept so long costs what a new one costs."""
    return min(600.0, max(180.0, startup)) if settings.down.window is None else settings.down.window


def _whole(replicas: float) -> int:
    return ceil(replicas - 1e-9)
