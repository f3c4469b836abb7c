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

    N = 4, s = 0, u = 1:    new 1, 2, 3, 4;  old 3, 2, 1, 0;  share 33, 67, 100, 100 %       never more than four
    N = 2, s = 1, u = 0:    new 1, 2;        old 2, 1;        share 50, 100 %                never fewer than two that answer
"""

from __future__ import annotations

from math import ceil

from tidegate.api.rollout import BlueGreen, Canary, RollingUpdate, Rollout
from tidegate.api.values import seconds
from tidegate.plan.gates.together import Policy
from tidegate.plan.model.judging.windows import ALL
from tidegate.plan.model.stages import Course, Stage


def course(rollout: Rollout, replicas: int, routed: bool = True) -> Course:
    """What the spec says, for so many engines; `routed`: whether some RoutingPolicy can give a revision a share of the requests."""
    policy = Policy(rollout.gates.on_failure, rollout.gates.no_data_limit)
    return Course(_stages(rollout, replicas, routed), rollout.paused, policy, seconds(rollout.progress_deadline))


def _stages(rollout: Rollout, replicas: int, routed: bool) -> tuple[Stage, ...]:
    if rollout.strategy == "BlueGreen":
        return _switch(rollout.blue_green, replicas, routed)
    if rollout.strategy == "RollingUpdate":
        return _rolling(rollout.rolling_update, replicas)
    if rollout.strategy == "Recreate":
        return (Stage(ALL, 0.0, engines=replicas, stable=0),)
    return _shares(rollout.canary, replicas)


def _shares(canary: Canary, replicas: int) -> tuple[Stage, ...]:
    def stage(share: int, hold: float, approval: bool) -> Stage:
        return Stage(share, hold, approval, engines=max(ceil(replicas * share / 100), min(replicas, 1)))

    return tuple(stage(step.share, step.hold_seconds, step.approval == "Manual") for step in canary.steps)


def _switch(blue_green: BlueGreen, replicas: int, routed: bool) -> tuple[Stage, ...]:
    before = Stage(0, 0.0, blue_green.approval == "Manual", engines=replicas)
    after = Stage(ALL, seconds(blue_green.keep_previous), engines=replicas)
    return (before, after) if routed else (before,)


def _rolling(rolling: RollingUpdate, replicas: int) -> tuple[Stage, ...]:
    surge, width = rolling.max_surge, rolling.max_surge + rolling.max_unavailable
    new = [min(replicas, width * k) for k in range(1, max(1, ceil(replicas / width)) + 1)]
    old = [min(replicas, replicas + surge - count) for count in new]
    shares = [max(1, round(ALL * count / (count + left))) for count, left in zip(new, old[1:], strict=False)]
    return tuple(
        Stage(share, 0.0, engines=count, stable=left)
        for share, count, left in zip((*shares, ALL), new, old, strict=True)
    )
