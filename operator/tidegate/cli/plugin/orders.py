"""What is written when a person says promote, pause, resume, abort or retry; or why it cannot be.

verb       while                                              written
--------   ------------------------------------------------   --------------------------------------------------------------
promote    a trial is at a step of 25 %                       annotation promote: REVISION/25%; with --all: REVISION
           all of its steps are behind it                     nothing: it takes over by itself
abort      a trial is under way                               annotation abort: REVISION; REVISION/2 when that was heeded before
retry      the newest revision was taken back                 annotation retry: REVISION/N, one more than was heeded
pause      the spec has a rollout that is not paused          spec.rollout.paused: true
resume     it is paused                                       spec.rollout.paused: false
any        the operator has not seen the newest spec          nothing: the order might be about another revision
           (but pause and resume: they are the spec's own)

An annotation stays where it is written, and a promotion acts whenever its step is reached. So abort and retry take one away:
the same revision, tried again, has to pass its gates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.cli.plugin.address import Address
from tidegate.cli.plugin.seen import Seen, annotation
from tidegate.errors import TidegateError

STEPS: Final = {0: "the switch to it comes", 100: "the old revision goes"}
"""What the end of a blue/green's steps is."""
GIT: Final = "If Argo CD or Flux syncs this model, say the same in Git: otherwise the next sync may undo it."


class Impossible(TidegateError):
    """It makes no sense at present; the message says why, and what does."""


@dataclass(frozen=True)
class Order:
    """A merge patch, and what is said about it."""

    patch: Mapping[str, Any]
    said: tuple[str, ...]
    """Lines: what was written, and what comes of it."""


def promote(seen: Seen, to: Address, everything: bool = False) -> Order:
    """The step under way is over, or all of them are. Raises Impossible."""
    _on_trial(seen, to, "promote")
    if seen.behind:
        raise Impossible(
            f"all steps of revision {seen.revision} are behind it: it takes over when all of its engines answer"
        )
    value = seen.revision if everything else f"{seen.revision}/{seen.share}%"
    which = "all steps that are left end" if everything else STEPS.get(seen.share, f"the step of {seen.share} % ends")
    comes = f"{which} when engines and routers are there, whatever hold, objectives, tests and approvals say"
    return _annotated(to, {"promote": value}, f"{comes}; one that fails with onFailure: Rollback still takes it back.")


def abort(seen: Seen, to: Address) -> Order:
    """Everybody goes back to the revision that serves. Raises Impossible."""
    _on_trial(seen, to, "abort")
    value = _next(seen.revision, seen.abort, first=seen.revision)
    comes = f"revision {seen.active} gets all requests at once; {seen.revision} is not tried again until the spec changes, or: "
    return _annotated(to, {"abort": value, "promote": None}, comes + to.command("retry"))


def retry(seen: Seen, to: Address) -> Order:
    """The revision that was taken back is tried again, from its first step on. Raises Impossible."""
    _known(seen)
    if seen.state == "Trial":
        raise Impossible(f"revision {seen.revision} of {to.shown} is on trial; nothing was taken back")
    if seen.state != "Refused":
        raise Impossible(f"nothing of {to.shown} was taken back; {_at_rest(seen)}")
    value = _next(seen.revision, seen.retry, first=f"{seen.revision}/1")
    return _annotated(
        to, {"retry": value, "promote": None}, f"revision {seen.revision} is tried again from its first step on."
    )


def pause(seen: Seen, to: Address) -> Order:
    """Nothing is promoted any more. Raises Impossible."""
    if not seen.has_rollout:
        raise Impossible(f"{to.shown} has no spec.rollout: a new revision takes over when all of its engines answer")
    if seen.paused:
        raise Impossible(f"{to.shown} is paused already; go on with: {to.command('resume')}")
    effect = "the share stays as it is" if seen.state == "Trial" else "the next rollout stays at its first step"
    return _paused(to, True, f"{effect} until it is resumed; an objective that fails still takes it back.")


def resume(seen: Seen, to: Address) -> Order:
    """The pause is over. Raises Impossible."""
    if not seen.paused:
        raise Impossible(_not_paused(seen, to))
    return _paused(to, False, "the rollout goes on where it is.")


VERBS: Final[Mapping[str, Callable[[Seen, Address], Order]]] = {
    "promote": promote,
    "pause": pause,
    "resume": resume,
    "abort": abort,
    "retry": retry,
}


def _known(seen: Seen) -> None:
    if seen.state == "Unseen":
        raise Impossible("the operator has not looked at the last change yet; try again in a moment, or see its log")


def _on_trial(seen: Seen, to: Address, verb: str) -> None:
    """Raises Impossible where there is nothing to promote or to abort."""
    _known(seen)
    if seen.state == "Refused":
        raise Impossible(
            f"revision {seen.revision} of {to.shown} was taken back already; try it again with: {to.command('retry')}"
        )
    if seen.state == "Switching":
        raise Impossible(
            f"revision {seen.revision} of {to.shown} takes over without steps, when all of its engines answer: nothing to {verb}"
        )
    if seen.state == "Settled":
        raise Impossible(f"no rollout of {to.shown} is under way; {_at_rest(seen)}")


def _at_rest(seen: Seen) -> str:
    if not seen.active:
        return "no revision of it serves yet"
    if seen.promoted:
        return f"revision {seen.active} is promoted already: the way back is to apply the spec of before"
    return f"revision {seen.active} serves"


def _not_paused(seen: Seen, to: Address) -> str:
    said = f"{to.shown} is not paused by its spec"
    if seen.state == "Trial" and seen.phase == "Paused":
        said += (
            f"; it waits for a person: {seen.message}. Go on with: {to.command('promote')}, or: {to.command('abort')}"
        )
    return said


def _next(revision: str, heeded: str, first: str) -> str:
    """A value of an annotation that was not heeded yet."""
    of, _, number = heeded.partition("/")
    if of != revision:
        return first
    return f"{revision}/{int(number) + 1 if number.isdecimal() else 2}"


def _annotated(to: Address, words: Mapping[str, str | None], comes: str) -> Order:
    patch = {"metadata": {"annotations": {annotation(word): value for word, value in words.items()}}}
    written = [f"{to.shown}: wrote the annotation {annotation(word)}={value}" for word, value in words.items() if value]
    return Order(patch, (*written, comes))


def _paused(to: Address, value: bool, comes: str) -> Order:
    written = f"{to.shown}: wrote spec.rollout.paused: {str(value).lower()}"
    return Order({"spec": {"rollout": {"paused": value}}}, (written, comes, GIT))
