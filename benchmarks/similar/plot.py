"""Hits against wrong answers, a line for each set of guards and a point for each of the others' defaults."""

from __future__ import annotations

from io import StringIO
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.similar.results import Rates, Results

LOOKS: Final = {"cosine alone": "#777777", "Numbers, Dates, Negation": "#c4570a", "all guards": "#0b6e99"}


def svg(results: Results) -> str:
    """An SVG document."""
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "tidegate", "font.family": "sans-serif", "font.size": 10}
    ):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.subplots()
        for name, colour in LOOKS.items():
            line = [each for each in results.questions if each.rule == name]
            axes.plot(
                [100 * each.wrong_rate for each in line],
                [100 * each.hit_rate for each in line],
                "o-",
                color=colour,
                label=name,
            )
            _thresholds(axes, line)
        for each in results.questions:
            if each.rule not in LOOKS:
                axes.plot([100 * each.wrong_rate], [100 * each.hit_rate], "x", color="black")
                axes.annotate(
                    each.rule,
                    (100 * each.wrong_rate, 100 * each.hit_rate),
                    (10, -14),
                    textcoords="offset points",
                    ha="center",
                )
        axes.set(
            xlabel="traps that get a wrong answer, %",
            ylabel="pairs with one answer that get it, %",
            xlim=(-6, 100),
            ylim=(0, 100),
        )
        axes.legend(frameon=False, loc="lower right")
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _thresholds(axes: mpl.axes.Axes, line: list[Rates]) -> None:
    if line and line[0].rule == "all guards":
        for each in line:
            axes.annotate(
                f"{each.threshold:.2f}",
                (100 * each.wrong_rate, 100 * each.hit_rate),
                (-6, 6),
                textcoords="offset points",
                ha="right",
                fontsize=8,
            )
