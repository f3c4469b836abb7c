"""A rollout as a picture for terminals: steps, revisions, objectives, and what a person can do next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tidegate.cli.plugin.address import Address
from tidegate.cli.plugin.advice import advice
from tidegate.cli.plugin.lines import headline
from tidegate.cli.plugin.looks import COLOURS, Looks, blocks
from tidegate.cli.plugin.seen import Arm, Seen

WAITING: Final = "yellow"
PHASES: Final = {
    "Promoted": "green",
    "Promoting": "green",
    "RolledBack": "red",
    "Paused": "magenta",
    "Waiting": WAITING,
}
"""Colours; blue for all others."""
SHARES: Final = {0: "tests", 100: "all"}
"""What a blue/green's steps are called; others by their share."""
BAR: Final = 20
"""Characters."""


def picture(seen: Seen, to: Address, looks: Looks, now: datetime, trouble: str = "") -> RenderableType:
    """All of it; `trouble` is why nothing newer is known."""
    parts = [part for part in _parts(seen, to, looks, now, trouble) if part is not None]
    title = Text.assemble((to.shown, "bold"), f" in {to.namespace}")
    return Panel(Group(*parts), title=title, title_align="left", border_style=_colour(seen), padding=(1, 2))


def _parts(seen: Seen, to: Address, looks: Looks, now: datetime, trouble: str) -> Iterator[RenderableType | None]:
    under_way = seen.state in ("Trial", "Refused")
    yield _phase(seen, now) if under_way else Text(headline(seen, to).removeprefix(f"{to.shown}: "))
    yield _below(_steps(seen)) if seen.steps and seen.tried else None
    yield _below(_revisions(seen)) if seen.arms else None
    yield _below(_objectives(seen, looks)) if seen.gates and seen.tried else None
    yield _below(_next(seen, to)) if advice(seen, to) else None
    yield (
        _below(Text(f"the API server does not answer; what stands here is older: {trouble}", "red"))
        if trouble
        else None
    )


def _below(part: RenderableType) -> RenderableType:
    return Padding(part, (1, 0, 0, 0))


def _colour(seen: Seen) -> str:
    if seen.state == "Settled":
        return "green"
    return PHASES.get(seen.phase, "blue") if seen.state in ("Trial", "Refused") else "blue"


def _phase(seen: Seen, now: datetime) -> RenderableType:
    """`Holding  its hold ends at ..., 42 s left`, and since when all of it."""
    words = Text.assemble((seen.phase, f"bold {_colour(seen)}"), "  ", seen.message)
    if seen.hold_ends and seen.hold_ends > now:
        words.append(f"  {_duration((seen.hold_ends - now).total_seconds())} left", "bold")
    if seen.began and seen.state == "Trial":
        words.append(
            f"\nrevision {seen.revision}, since {_duration((now - seen.began).total_seconds())}", "bright_black"
        )
    return words


def _duration(seconds: float) -> str:
    """`1 h 5 min`, `3 min 20 s`, `42 s`."""
    whole = max(int(seconds), 0)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _steps(seen: Seen) -> Text:
    """`✔ 1 % ─ ✔ 5 % ─ ▶ 10 % ─ 25 % ─ all`."""
    row = Text("steps  ", "bright_black")
    for number, said in enumerate(_names(seen)):
        row.append(" ─ " if number else "", "bright_black")
        row.append_text(_step(said, number, seen))
    return row


def _names(seen: Seen) -> list[str]:
    """Of the steps, and of what is behind them all."""
    if not seen.stages:
        return [*(f"step {number + 1}" for number in range(seen.steps)), "all"]
    names = [SHARES.get(stage.share, f"{stage.share} %") for stage in seen.stages]
    return [*names, "the old one leaves" if names[-1] == "all" else "all"]


def _step(said: str, number: int, seen: Seen) -> Text:
    done = seen.state == "Settled" or number < seen.step
    if done:
        return Text(f"✔ {said}", "green")
    if number > seen.step:
        return Text(said, "bright_black")
    mark = "✘" if seen.state == "Refused" else "▶"
    return Text(f"{mark} {said}", f"bold reverse {_colour(seen)}")


def _revisions(seen: Seen) -> Table:
    table = _table("revision", "role", "requests", "", "engines")
    for arm in seen.arms:
        engines = Text(f"{arm.ready}/{arm.wanted}", "" if arm.ready >= arm.wanted else WAITING)
        table.add_row(Text(arm.name, "bold"), arm.role, _share(arm, seen), f"{arm.traffic} %", engines)
    return table


def _share(arm: Arm, seen: Seen) -> ProgressBar:
    colour = "cyan" if arm.name == seen.active else "magenta"
    return ProgressBar(total=100, completed=arm.traffic, width=BAR, complete_style=colour, finished_style=colour)


def _objectives(seen: Seen, looks: Looks) -> Table:
    table = _table("objective", "outcome", "figures", "looks")
    for gate in seen.gates:
        row = Text.assemble(*blocks(looks.of(gate.name)))
        outcome = Text(gate.outcome, COLOURS.get(gate.outcome, "white"), no_wrap=True)
        table.add_row(Text(gate.name, "bold"), outcome, gate.figures, row)
    return table


def _next(seen: Seen, to: Address) -> Table:
    table = _table("next", "")
    for each in advice(seen, to):
        table.add_row(Text(each.command, no_wrap=True), Text(each.does, "bright_black"))
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black")
    for title in titles:
        table.add_column(title)
    return table
