"""The floods as a picture: seconds over number of models, for the operator and the bare client; medians, and every round."""

from __future__ import annotations

from io import StringIO
from statistics import median
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.operator.results import RATIO, Results

Series = dict[int, list[float]]
"""Seconds of every round, by number of models."""


class Line(NamedTuple):
    """One line of the plot."""

    name: str
    seconds: Series
    colour: str
    dashed: bool = False


def svg(results: Results) -> str:
    """An SVG document; axes begin at 0, so that lengths may be compared."""
    bare = {size: [one.bare.seconds for one in rounds] for size, rounds in results.floods.items()}
    operator = {size: [one.operator.seconds for one in rounds] for size, rounds in results.floods.items()}
    return picture(bare, operator)


def picture(bare: Series, operator: Series) -> str:
    """As `svg`, from the seconds alone."""
    goal = {size: [RATIO * median(seconds)] for size, seconds in bare.items()}
    lines = (
        Line("operator", operator, "#0b6e99"),
        Line(f"goal: {RATIO} x bare client", goal, "#777777", dashed=True),
        Line("bare client", bare, "#c4570a"),
    )
    with mpl.rc_context(
        {
            "svg.fonttype": "none",  # letters stay letters: small files, and text that can be searched
            "svg.hashsalt": "tidegate",  # the same figures give the same file
            "font.family": "sans-serif",
            "font.size": 11,
        }
    ):
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.subplots()
        for line in lines:
            _draw(axes, line)
        _label(axes, sorted(bare))
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _draw(axes: Axes, line: Line) -> None:
    """The medians as a line, and each round as a dot."""
    sizes = sorted(line.seconds)
    medians = [median(line.seconds[size]) for size in sizes]
    axes.plot(sizes, medians, color=line.colour, linewidth=2, linestyle="--" if line.dashed else "-", label=line.name)
    if not line.dashed:
        seconds = [line.seconds[size] for size in sizes]
        at = [size for size, found in zip(sizes, seconds, strict=True) for _ in found]
        axes.scatter(at, [second for found in seconds for second in found], color=line.colour, s=18, zorder=3)


def _label(axes: Axes, sizes: list[int]) -> None:
    axes.set_xlim(0, max(sizes) * 1.04)
    axes.set_ylim(0)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_xlabel("models created at once")
    axes.set_ylabel("seconds until every child exists")
    axes.set_title("Line: median; dots: rounds", loc="left", fontsize=10, color="#555555")
    axes.grid(axis="y", color="#e4e4e4")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False)
