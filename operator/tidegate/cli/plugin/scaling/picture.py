"""Why a model has as many engines as it has, as a picture for terminals: what each signal says, and the last decisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tidegate.cli.plugin.address import Address
from tidegate.cli.plugin.scaling.looks import Look, Signal, Stretch, history, named, stretches

BLOCKS: Final = "▁▂▃▄▅▆▇█"
SPARKS: Final = 40
"""Looks that a sparkline has: 200 s."""
STRETCHES: Final = 12
"""Rows of decisions."""
COLOURS: Final = {"Signal": "cyan", "Steady": "green", "NoMetrics": "red", "GPUs": "red", "Max": "yellow"}
"""Of limits; white for all others."""


def picture(found: Sequence[Look], silent: int, to: Address) -> RenderableType:
    """All of it; `silent`: engines that say nothing."""
    parts = [_headline(found[-1], silent), _below(_signals(found)), _below(_decisions(stretches(found)))]
    title = Text.assemble((to.shown, "bold"), f" in {to.namespace}")
    colour = COLOURS.get(found[-1].limit, "blue")
    return Panel(Group(*parts), title=title, title_align="left", border_style=colour, padding=(1, 2))


def _headline(look: Look, silent: int) -> Text:
    """`3 engines, 5 wanted  Signal  arrivals: 7.0 requests/s, an engine carries 2.67`."""
    wanted = "as many as wanted" if look.asked == look.wanted else f"{look.wanted} wanted"
    said = Text.assemble(f"{_engines(look.asked)}, {wanted}  ", (look.limit, f"bold {_colour(look.limit)}"))
    said.append(f"  {look.words}")
    return said.append(f"\n{_engines(silent)} that should say something do not", "red") if silent else said


def _engines(count: int) -> str:
    return f"{count} engine" if count == 1 else f"{count} engines"


def _colour(limit: str) -> str:
    return COLOURS.get(limit, "white")


def _below(part: RenderableType) -> RenderableType:
    return Padding(part, (1, 0, 0, 0))


def _signals(found: Sequence[Look]) -> Table:
    """Those of any look that is shown; a burst that is over has its sparkline still."""
    table = _table("signal", "asks for", "keeps", "age", "figures", f"engines asked for, last {SPARKS * 5} s")
    newest = {signal.name: signal for signal in found[-1].signals}
    shown = found[-SPARKS:]
    most = max((need or 0.0 for name in named(shown) for need in history(shown, name)), default=0.0)
    for name in named(shown):
        table.add_row(Text(name, "bold"), *_cells(newest.get(name)), spark(history(shown, name), most))
    return table


def _cells(signal: Signal | None) -> Iterator[Text]:
    if signal is None:
        yield from (Text("-", "bright_black"), Text(""), Text(""), Text("not now", "bright_black"))
    elif signal.missing:
        yield from (Text("?", "red"), Text("?", "red"), Text(""), Text(signal.missing, "red"))
    else:
        age = Text(f"{signal.age:.0f} s", "bright_black")
        yield from (Text(f"{signal.need:.2f}"), Text(f"{signal.keep:.2f}"), age, Text(signal.words))


def spark(needs: Sequence[float | None], most: float) -> Text:
    """A block for each look; heights are parts of the most that any signal asked for, and a dot says nothing."""
    blocks = ("·" if need is None else BLOCKS[_height(need, most)] for need in needs)
    return Text("".join(blocks), "cyan", no_wrap=True)


def _height(need: float, most: float) -> int:
    return min(len(BLOCKS) - 1, max(0, round(need / most * (len(BLOCKS) - 1)))) if most > 0 else 0


def _decisions(runs: Sequence[Stretch]) -> Table:
    table = _table("since", "looks", "engines", "wanted", "because of", "")
    for run in runs[:STRETCHES]:
        since = datetime.fromtimestamp(run.first.at, UTC).strftime("%H:%M:%SZ")
        wanted = Text(str(run.last.wanted), "" if run.last.wanted == run.last.asked else "bold")
        limit = Text(run.last.limit, _colour(run.last.limit))
        table.add_row(since, str(run.looks), str(run.last.asked), wanted, limit, Text(run.last.words))
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black")
    for title in titles:
        table.add_column(title)
    return table
