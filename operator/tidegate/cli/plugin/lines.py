"""A rollout as plain lines, for logs and pipes: one when something changes, none when only a figure does."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.cli.plugin.address import Address
from tidegate.cli.plugin.seen import Seen


def headline(seen: Seen, to: Address) -> str:
    """Where it is, in a sentence."""
    if seen.state == "Unseen":
        return f"{to.shown}: the operator has not looked at the last change yet"
    if seen.state == "Settled":
        return f"{to.shown}: {_settled(seen)}"
    if seen.state == "Switching":
        return f"{to.shown}: revision {seen.revision} takes over when all of its engines answer{_engines(seen)}"
    if seen.state == "Refused":
        return f"{to.shown}: revision {seen.revision} was taken back: {seen.message}; {seen.active or 'nothing'} serves"
    return f"{to.shown}: revision {seen.revision} gets {seen.traffic} % ({where(seen)}){_engines(seen)}: {doing(seen)}"


def where(seen: Seen) -> str:
    """`step 2 of 5`."""
    return "all steps are behind it" if seen.step >= seen.steps else f"step {seen.step + 1} of {seen.steps}"


def doing(seen: Seen) -> str:
    """`Holding: its hold ends at ...`."""
    return f"{seen.phase}: {seen.message}" if seen.message else seen.phase


def _settled(seen: Seen) -> str:
    if not seen.active:
        return "no revision serves yet"
    if seen.promoted:
        return f"revision {seen.active} is promoted: it has all of the traffic"
    return f"no rollout is under way: revision {seen.active} serves"


def _engines(seen: Seen) -> str:
    found = next((arm for arm in seen.arms if arm.name == seen.revision), None)
    return f", {found.ready}/{found.wanted} engines" if found else ""


def changes(before: Seen | None, now: Seen, to: Address) -> Iterator[str]:
    """What is new since the last time: the headline, and objectives that say something else."""
    if before is None or headline(before, to) != headline(now, to):
        yield headline(now, to)
    said = {gate.name: gate.outcome for gate in before.gates} if before and before.revision == now.revision else {}
    for gate in now.gates if now.state in ("Trial", "Refused") else ():
        if said.get(gate.name) != gate.outcome:
            yield f"  objective {gate.name} {gate.outcome}: {gate.figures}"
