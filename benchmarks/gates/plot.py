"""Who is rolled back when: a candidate with one per cent more errors, and an identical one, under the three rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.gates.results import KAYENTA, OURS, THRESHOLD, Outcome, Results

HARM = "errors 0.5 % + 1 %"
LOOKS = {OURS: ("Tidegate", "#0b6e99"), KAYENTA: ("Mann-Whitney", "#c4570a"), THRESHOLD: ("threshold", "#777777")}
"""Name and colour."""


class Panel(NamedTuple):
    """One of the plots."""

    rate: int
    kind: str


def svg(results: Results) -> str:
    """An SVG document: a column for each rate, a row for each kind of traffic."""
    panels = sorted({Panel(one.case.rate, one.case.kind) for one in results.outcomes if one.case.what == HARM})
    rates, kinds = sorted({panel.rate for panel in panels}), sorted({panel.kind for panel in panels}, reverse=True)
    with mpl.rc_context(
        {
            "svg.fonttype": "none",  # letters stay letters: small files, and text that can be searched
            "svg.hashsalt": "tidegate",  # the same figures give the same file
            "font.family": "sans-serif",
            "font.size": 10,
        }
    ):
        figure = Figure(figsize=(8.6, 5.4), layout="constrained")
        grid = figure.subplots(len(kinds), len(rates), sharex=True, sharey=True, squeeze=False)
        for row, kind in zip(grid, kinds, strict=True):
            for axes, rate in zip(row, rates, strict=True):
                _draw(axes, results, Panel(rate, kind))
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
        figure.supxlabel("minutes since the rollout began", fontsize=10)
        figure.supylabel("share of rollouts rolled back", fontsize=10)
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _draw(axes: Axes, results: Results, panel: Panel) -> None:
    """The harmful candidate as a line, the identical one dotted."""
    for one in results.outcomes:
        if (one.case.rate, one.case.kind) == panel and one.case.what in {HARM, "healthy"}:
            _line(axes, one)
    axes.set_title(f"{panel.rate} req/s, {panel.kind}", loc="left", fontsize=10, color="#555555")
    axes.set_xlim(0, 120)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xticks(range(0, 121, 20))
    axes.grid(color="#e4e4e4")
    axes.spines[["top", "right"]].set_visible(False)


def _line(axes: Axes, one: Outcome) -> None:
    (name, colour), harmful = LOOKS[one.rule], one.case.harmful
    minutes, shares = zip(*_corners(one.back_by), strict=True)
    axes.step(
        minutes,
        shares,
        where="post",
        color=colour,
        linewidth=2 if harmful else 1.5,
        linestyle="-" if harmful else ":",
        label=f"{name}, {'1 % more errors' if harmful else 'identical'}",
    )


def _corners(back_by: Sequence[float]) -> Iterator[tuple[int, float]]:
    """Where the line turns; the others only make the file larger."""
    before = -1.0
    for minute, share in enumerate((0.0, *back_by)):
        if share != before or minute == len(back_by):
            yield minute, share
        before = share
