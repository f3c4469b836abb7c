"""What a ModelDeployment says of its rollout, read as far as it can be read: the operator may be older or newer than this plugin.

the object says                                         state
-----------------------------------------------------   -----------------------------------------------------------------
a spec newer than its status                            Unseen: the operator has not looked at it yet
Stalled by RolledBack, and a retry not heeded so far    Unseen, too
Stalled by RolledBack                                   Refused: the newest revision was taken back
a Candidate, and status.rollout speaks of it            Trial
the Active one is still Promoting                       Trial: it is promoted at the operator's next look
a Candidate of which status.rollout says nothing        Switching: it takes over when all of its engines answer
none of these                                           Settled: the Active one serves, and nobody is to take over
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from tidegate.api.modeldeployment import ModelDeployment
from tidegate.names import GROUP
from tidegate.plan.conditions import ROLLED_BACK, STALLED
from tidegate.plan.kube.reading import integer, maps, moment, part, text
from tidegate.plan.model.courses import course
from tidegate.plan.model.stages import Stage
from tidegate.plan.model.surge import limited

State = Literal["Unseen", "Refused", "Trial", "Switching", "Settled"]


@dataclass(frozen=True)
class Arm:
    """A live revision."""

    name: str
    role: str
    traffic: int
    """Percent."""
    ready: int
    wanted: int
    """Engines."""


@dataclass(frozen=True)
class Gate:
    """What an objective said at the last look."""

    name: str
    outcome: str
    figures: str = ""
    at: str = ""
    """When it was asked, RFC 3339; empty before the first look."""


@dataclass(frozen=True)
class Seen:
    """A model at one moment."""

    state: State
    active: str = ""
    """The revision that serves."""
    revision: str = ""
    """The one that is on trial, was the last one on trial, or (Switching) is to take over."""
    phase: str = ""
    message: str = ""
    pause: str = ""
    step: int = 0
    """Steps that are behind it."""
    steps: int = 0
    share: int = 0
    """Percent that the step asks for, where there is one left."""
    traffic: int = 0
    """Percent that it gets."""
    stages: tuple[Stage, ...] = ()
    """Of the spec; empty where it cannot be read, or no longer has as many as the status speaks of."""
    arms: tuple[Arm, ...] = ()
    gates: tuple[Gate, ...] = ()
    began: datetime | None = None
    hold_ends: datetime | None = None
    """While it is Holding."""
    has_rollout: bool = False
    """Whether there is a spec.rollout."""
    paused: bool = False
    """spec.rollout.paused."""
    abort: str = ""
    retry: str = ""
    """Annotations that were heeded last."""

    @property
    def behind(self) -> bool:
        """Whether all steps are behind it."""
        return self.step >= self.steps

    @property
    def promoted(self) -> bool:
        """Whether the one that was on trial last serves."""
        return self.state == "Settled" and self.phase == "Promoted" and self.revision == self.active

    @property
    def tried(self) -> bool:
        """Whether steps and objectives are about the newest revision."""
        return self.promoted or self.state in ("Trial", "Refused")


def seen(model: Mapping[str, Any]) -> Seen:
    """Reads the object; fields of another type than ours count as absent."""
    spec, status = part(model, "spec"), part(model, "status")
    rollout, asked = part(status, "rollout"), part(spec, "rollout")
    arms = tuple(map(_arm, maps(status, "revisions")))
    state = _state(model, status, rollout, arms)
    candidate = next((arm.name for arm in arms if arm.role == "Candidate"), "")
    steps, step, phase = integer(rollout, "steps"), max(integer(rollout, "step"), 0), text(rollout, "phase")
    stages = _stages(model, rollout, integer(status, "desiredReplicas"))
    return Seen(
        state,
        active=text(status, "activeRevision"),
        revision=candidate if state == "Switching" else text(rollout, "revision"),
        phase=phase,
        message=text(rollout, "message"),
        pause=text(rollout, "pause"),
        step=step,
        steps=steps,
        share=integer(rollout, "share"),
        traffic=integer(rollout, "traffic"),
        stages=stages,
        arms=arms,
        gates=tuple(map(_gate, maps(rollout, "gates"))),
        began=moment(rollout, "began"),
        hold_ends=_hold_ends(rollout, stages[step]) if phase == "Holding" and step < len(stages) else None,
        has_rollout=isinstance(spec.get("rollout"), Mapping),
        paused=asked.get("paused") is True,
        abort=text(rollout, "abort"),
        retry=text(rollout, "retry"),
    )


def _state(
    model: Mapping[str, Any], status: Mapping[str, Any], rollout: Mapping[str, Any], arms: tuple[Arm, ...]
) -> State:
    """The table."""
    tried, phase = text(rollout, "revision"), text(rollout, "phase")
    roles, refused = {arm.role: arm.name for arm in arms}, _stalled_by(status) == ROLLED_BACK
    rows: list[tuple[bool, State]] = [
        (integer(model.get("metadata"), "generation") > integer(status, "observedGeneration"), "Unseen"),
        (refused and _retried(model, rollout), "Unseen"),
        (refused, "Refused"),
        (bool(tried) and roles.get("Candidate") == tried, "Trial"),
        (phase == "Promoting" and roles.get("Active") == tried, "Trial"),
        ("Candidate" in roles, "Switching"),
    ]
    return next((state for holds, state in rows if holds), "Settled")


def _stalled_by(status: Mapping[str, Any]) -> str:
    found = (c for c in maps(status, "conditions") if text(c, "type") == STALLED and text(c, "status") == "True")
    return next((text(condition, "reason") for condition in found), "")


def _retried(model: Mapping[str, Any], rollout: Mapping[str, Any]) -> bool:
    """Whether a person wants the revision tried again, and the operator has not begun."""
    said = text(part(part(model, "metadata"), "annotations"), annotation("retry"))
    return said.partition("/")[0] == text(rollout, "revision") and said != text(rollout, "retry")


def _stages(model: Mapping[str, Any], rollout: Mapping[str, Any], engines: int) -> tuple[Stage, ...]:
    """As the operator reads them. There is one step, of 0 %, where nobody can give it requests."""
    steps, decided = integer(rollout, "steps"), integer(rollout, "surge", -1)
    try:
        asked = ModelDeployment.model_validate({**model, "status": None})
    except ValidationError:
        return ()
    if asked.spec.rollout is None:
        return ()
    most = limited(asked, decided if decided >= 0 else None)
    unshared = integer(rollout, "share", 1) == 0
    found = (course(asked.spec.rollout, max(1, engines), routed, most).stages for routed in (not unshared, unshared))
    return next((stages for stages in found if len(stages) == steps), ())


def _arm(revision: Mapping[str, Any]) -> Arm:
    return Arm(
        text(revision, "name"),
        text(revision, "role"),
        integer(revision, "traffic"),
        integer(revision, "readyReplicas"),
        integer(revision, "replicas"),
    )


def _gate(gate: Mapping[str, Any]) -> Gate:
    return Gate(text(gate, "name"), text(gate, "outcome"), text(gate, "message"), text(gate, "at"))


def _hold_ends(rollout: Mapping[str, Any], stage: Stage) -> datetime | None:
    confirmed = moment(rollout, "confirmed")
    return confirmed + timedelta(seconds=stage.hold - integer(rollout, "held")) if confirmed else None


def annotation(word: str) -> str:
    """The key of what a person says: `tidegate.dev/promote`."""
    return f"{GROUP}/{word}"
