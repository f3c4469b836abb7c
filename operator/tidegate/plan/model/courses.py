"""The steps of each strategy.

strategy         steps, for N engines
-------------    -------------------------------------------------------------------------------------------------------------------
Canary           a growing share of the requests, with as many new engines as it needs; all old ones stay
BlueGreen        0 % with all new engines, then 100 %; all old ones stay
RollingUpdate    step k = 1, 2, ... until all are new, with s = maxSurge and u = maxUnavailable:
                     new engines  c_k = min(N, k (s + u))
                     old engines  a_k = min(N, N + s - c_k)
                     share        c_k / (c_k + a_(k+1)), and 100 % at the last: what the next step's old engines can no longer carry is
                                  given away before they leave
Recreate         100 % with all new engines, and no old one: nobody answers meanwhile
Canary,          where nobody can give a share: 0 % with all new engines, until a person promotes it
  RollingUpdate

With fewer engines beside the old ones than a strategy asks for (`surge`, see surge.py), s = surge < N:

Canary           as above with c_k = min(c_k, N + s - 1) and a_k = min(N, N + s - c_k), so that one old engine stays; between its steps, and
                 after the last one, as a RollingUpdate with s, and with u = 1 where s is 0
RollingUpdate    as above with s = min(maxSurge, surge), and with u = 1 where both would be 0

    N = 4, s = 0, u = 1:    new 1, 2, 3, 4;  old 3, 2, 1, 0;  share 33, 67, 100, 100 %       never more than four
    N = 2, s = 1, u = 0:    new 1, 2;        old 2, 1;        share 50, 100 %                never fewer than two that answer
    N = 4, Canary 10 % and 50 %, s = 0:  new 1, 2, 2, 3, 4;  old 3, 2, 2, 1, 0;  share 10, 50, 67, 100, 100 %
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from tidegate.api.rollout import SHARING, BlueGreen, Canary, RollingUpdate, Rollout
from tidegate.api.values import seconds
from tidegate.plan.gates.together import Policy
from tidegate.plan.model.judging.windows import ALL
from tidegate.plan.model.stages import Course, Stage


def course(rollout: Rollout, replicas: int, routed: bool = True, surge: int | None = None) -> Course:
    """What the spec says, for so many engines; `routed`: whether some RoutingPolicy can give a revision a share of the requests; `surge`:
    engines that there may be beside them, None: as many as the strategy asks for."""
    policy = Policy(rollout.gates.on_failure, rollout.gates.no_data_limit)
    stages = _stages(rollout, replicas, routed, surge)
    return Course(stages, rollout.paused, policy, seconds(rollout.progress_deadline))


def _stages(rollout: Rollout, replicas: int, routed: bool, surge: int | None) -> tuple[Stage, ...]:
    if rollout.strategy == "BlueGreen":
        return _switch(rollout.blue_green, replicas, routed)
    if rollout.strategy in SHARING and not routed:
        return (Stage(0, 0.0, approval=True, engines=replicas),)
    if rollout.strategy == "RollingUpdate":
        return _rolling(rollout.rolling_update, replicas, surge)
    if rollout.strategy == "Recreate":
        return (Stage(ALL, 0.0, engines=replicas, stable=0),)
    steps = _shares(rollout.canary, replicas)
    return steps if surge is None or surge >= replicas else _swapped(steps, replicas, surge)


def _shares(canary: Canary, replicas: int) -> tuple[Stage, ...]:
    def stage(share: int, hold: float, approval: bool) -> Stage:
        return Stage(share, hold, approval, engines=max(ceil(replicas * share / 100), min(replicas, 1)))

    return tuple(stage(step.share, step.hold_seconds, step.approval == "Manual") for step in canary.steps)


def _switch(blue_green: BlueGreen, replicas: int, routed: bool) -> tuple[Stage, ...]:
    before = Stage(0, 0.0, blue_green.approval == "Manual", engines=replicas)
    after = Stage(ALL, seconds(blue_green.keep_previous), engines=replicas)
    return (before, after) if routed else (before,)


def _rolling(rolling: RollingUpdate, replicas: int, most: int | None) -> tuple[Stage, ...]:
    surge = rolling.max_surge if most is None else min(rolling.max_surge, most)
    width = surge + rolling.max_unavailable or 1
    new = [min(replicas, width * k) for k in range(1, max(1, ceil(replicas / width)) + 1)]
    return _onward(new, replicas, surge)


def _onward(new: list[int], replicas: int, surge: int) -> tuple[Stage, ...]:
    """Step by step to so many new engines, and to all of the requests."""
    old = [min(replicas, replicas + surge - count) for count in new]
    shares = [max(1, round(ALL * count / (count + left))) for count, left in zip(new, old[1:], strict=False)]
    return tuple(
        Stage(share, 0.0, engines=count, stable=left)
        for share, count, left in zip((*shares, ALL), new, old, strict=True)
    )


def _swapped(steps: tuple[Stage, ...], replicas: int, surge: int) -> tuple[Stage, ...]:
    """As many at a time as there may be beside the old ones, or one; and an old engine stays until the end, because somebody has to have the
    requests that the new ones do not get."""
    width, most = max(surge, 1), max(1, replicas + surge - 1)
    found: list[Stage] = []
    count, share = 0, 1
    for step in steps:
        target = min(step.engines, most)
        between = _onward([*range(count + width, target, width), target], replicas, surge)[:-1]
        found += [replace(one, share=min(max(one.share, share), step.share)) for one in between]
        found.append(replace(step, engines=target, stable=min(replicas, replicas + surge - target)))
        count, share = target, step.share
    rest = _onward([*range(count, replicas, width), replicas], replicas, surge)
    return (*found, *(replace(one, share=max(one.share, share)) for one in rest))
