"""What a rollout will do, before it does it: GPUs, time, and whether somebody goes without an answer.

strategy, or what it comes to     GPUs beside those of today                  engines that answer meanwhile
-------------------------------   -----------------------------------------   ------------------------------------------------------------
Canary, BlueGreen                 as many as today                            all old ones, until the new ones do
no spec.rollout                   as many as today                            all old ones, until the new ones do
RollingUpdate, or a swap          those of the surge                          a few fewer while new ones start
Recreate                          none                                        none while new ones start

time = what is left of the holds + one start-up for each step that needs more engines, and one for what is missing at the end. What people
and objectives take longer is theirs. A start-up is the median of those that were measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tidegate.api.rollout import Rollout
from tidegate.plan.capacity.room import gpus
from tidegate.plan.kube.pods import ready_since
from tidegate.plan.kube.reading import integer, maps, moment, part
from tidegate.plan.model.judging.windows import ALL
from tidegate.plan.model.stages import Course, Stage
from tidegate.plan.plan import Footprint, Manifest
from tidegate.plan.scaling.state import restored

MINUTE: Final = 60.0
HOUR: Final = 3600.0


@dataclass(frozen=True)
class Outlook:
    """What is known when it is asked."""

    rollout: Rollout | None
    course: Course | None
    """Its steps; None without any."""
    replicas: int
    """Engines that there should be."""
    engine: Footprint
    room: int | None
    """For how many more engines there is room; None: unknown."""
    startup: float | None
    """Seconds; None: never measured."""
    at: int = 0
    """Steps that are behind it."""
    there: int = 0
    """Engines that the new revision has."""
    counted: bool = False
    """Whether objectives are looked at."""
    blind: str = ""
    """Why nobody knows how much room there is."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Those that are left, and the end, where everything is the new revision's."""
        left = self.course.stages[self.at :] if self.course else ()
        end = Stage(ALL, 0.0, engines=self.replicas, stable=left[-1].stable if left else None)
        return (*left, end)

    def old(self, stage: Stage) -> int:
        """Engines that the old revision keeps."""
        return self.replicas if stage.stable is None else stage.stable


@dataclass(frozen=True)
class Forecast:
    """In figures."""

    more: int
    """Engines at most at a time beyond those that there are today."""
    gpus: int
    """Of them."""
    missing: int | None
    """Engines for which there is no room today; None: unknown."""
    fewest: int
    """Old and new engines that answer at the worst moment, while others start."""
    starts: int
    """Start-ups, one after the other."""
    holds: float
    """Seconds."""
    approvals: int
    """Steps that wait for a person."""
    startup: float | None

    @property
    def seconds(self) -> float | None:
        """All together; None where no start-up was measured."""
        return None if self.startup is None else self.holds + self.starts * self.startup

    @property
    def downtime(self) -> bool:
        """Whether nobody answers for a while."""
        return self.fewest == 0


def forecast(seen: Outlook) -> Forecast:
    """The table, stage by stage."""
    before, starts, fewest = seen.there, 0, seen.replicas
    for stage in seen.stages:
        if stage.engines > before:
            starts += 1
            fewest = min(fewest, seen.old(stage) + before)
        before = max(before, stage.engines)
    most = max(stage.engines + seen.old(stage) for stage in seen.stages)
    more = max(0, most - seen.replicas - seen.there)
    left = seen.course.stages[seen.at :] if seen.course else ()
    return Forecast(
        more=more,
        gpus=more * gpus(seen.engine),
        missing=None if seen.room is None else max(0, more - seen.room),
        fewest=fewest,
        starts=starts,
        holds=sum(stage.hold for stage in left),
        approvals=sum(stage.approval for stage in left),
        startup=seen.startup,
    )


def sentence(seen: Outlook) -> str:
    """For status.rollout.plan."""
    found = forecast(seen)
    parts = (_engines(seen, found), _room(seen, found), time(found), answers(seen, found), judged(seen))
    return "; ".join(part for part in parts if part)


def _engines(seen: Outlook, found: Forecast) -> str:
    left = seen.stages[:-1]
    whole = not left or left[-1].share == ALL
    walk = _count(len(left), "step") if left else "all of the requests at once"
    walk += ": " if whole else ", then all of the requests: "
    if not found.more:
        return walk + ("no engine more than there are" if found.starts else "all engines are there")
    cost = f" ({_count(found.gpus, 'GPU')})" if found.gpus else ""
    return f"{walk}up to {_count(found.more, 'engine')} more than there are{cost}"


def _room(seen: Outlook, found: Forecast) -> str:
    if not found.gpus:
        return ""
    if found.missing is None:
        return f"whether GPUs are free is not known{': ' * bool(seen.blind)}{seen.blind}"
    if not found.missing:
        return "nodes have room for them"
    return f"nodes have room for {seen.room} of them: the others wait for GPUs"


def time(found: Forecast) -> str:
    """How long it takes."""
    waits = f", and as long as people take for {_count(found.approvals, 'approval')}" if found.approvals else ""
    start = "how long an engine takes to start is not known yet" if found.startup is None else ""
    if start and found.starts:
        return f"{about(found.holds)} of holds{waits}; {start}" if found.holds else start + waits
    took = (
        f", {_count(found.starts, 'start-up')} of {about(found.startup)} included"
        if found.starts and found.startup
        else ""
    )
    return f"about {about(found.seconds or found.holds)}{took}{waits}"


def answers(seen: Outlook, found: Forecast) -> str:
    """Who answers meanwhile."""
    if found.downtime and seen.replicas:
        least = f" for about {about(found.startup)}" if found.startup else ""
        return f"nobody answers{least}, while the first engine starts"
    if found.fewest < seen.replicas:
        return f"down to {found.fewest} of {seen.replicas} engines answer while others start; somebody always does"
    return "all old engines answer until the new ones do"


def judged(seen: Outlook) -> str:
    """What objectives say and do not say, by strategy.

    strategy         with objectives
    --------------   ------------------------------------------------------------------------------------------------
    Canary,          beside the old revision at each step, while both have requests; with all of them their limits alone
      RollingUpdate
    BlueGreen        smoke tests before the switch; after it the limits alone, while the old revision is kept
    Recreate         there is nobody to compare with: the limits alone, until they pass once
    none, or nobody  nothing is judged
      gives shares
    """
    if not seen.counted:
        return "no objectives: nothing is judged"
    if seen.rollout is None or seen.course is None:
        return "objectives are not looked at: there are no steps"
    if seen.course.stages[-1].share == 0:
        return "objectives are not looked at: no RoutingPolicy leads to the model, so that nobody can give it a share"
    return {
        "BlueGreen": "objectives are looked at after the switch, by their limits alone, while the old revision is kept",
        "Recreate": "objectives are looked at after the switch, by their limits alone, until they pass once",
    }.get(seen.rollout.strategy, "objectives are compared with the old revision at each step")


def startup(status: object, pods: Sequence[Manifest]) -> float | None:
    """Seconds from a Pod to its first answer: what autoscaling has learned, else what the model's own Pods took."""
    learned = restored(dict(part(part(status, "autoscaling"), "memory"))).startups.seconds
    took = learned or tuple(seconds for pod in pods if (seconds := _took(pod)) is not None)
    return median(took) if took else None


def _took(pod: Manifest) -> float | None:
    """Of one that answers, and never began anew: since then it may have stopped answering for a while."""
    created, since = moment(part(pod, "metadata"), "creationTimestamp"), ready_since(pod)
    again = sum(integer(one, "restartCount") for one in maps(part(pod, "status"), "containerStatuses"))
    return (since - created).total_seconds() if created and since and not again else None


def about(seconds: float) -> str:
    """`40 s`, `12 min`, `2.5 h`: to two figures, so that it is not written anew for each second."""
    if seconds < 2 * MINUTE:
        return f"{_rounded(seconds):.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


def _rounded(seconds: float) -> float:
    return round(seconds, -1) if seconds >= 10 else round(seconds)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
