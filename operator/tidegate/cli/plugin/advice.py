"""What a person can do next about a rollout, as commands.

the rollout is                        next
-----------------------------------   ---------------------------------------
on trial at a step, not paused        promote, pause, abort
on trial at a step, paused by spec    resume, promote, abort
past all steps                        abort
taken back                            retry
anything else                         nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidegate.cli.plugin.address import Address
from tidegate.cli.plugin.seen import Seen

STEPS: Final = {0: "switch all requests to it", 100: "let the old revision go"}
"""What the end of a blue/green's steps is."""


@dataclass(frozen=True)
class Advice:
    """A command, and what it does."""

    command: str
    does: str


def advice(seen: Seen, to: Address) -> tuple[Advice, ...]:
    """The table."""
    if seen.state == "Refused":
        return (Advice(to.command("retry"), "try it again from the first step on"),)
    if seen.state != "Trial" or (seen.phase == "Promoting" and seen.revision == seen.active):
        return ()
    back = Advice(to.command("abort"), f"all requests to {seen.active} at once")
    if seen.behind:
        return (back,)
    onward = Advice(to.command("promote"), STEPS.get(seen.share, f"end the step of {seen.share} %"))
    if seen.paused:
        return (Advice(to.command("resume"), "go on where it is"), onward, back)
    return (onward, Advice(to.command("pause"), "keep the share as it is"), back)
