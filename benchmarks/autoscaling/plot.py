"""A row for each trace: the load and the engines that were asked for, and what misses cost."""

from __future__ import annotations

import re
from io import StringIO
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.autoscaling.cases import CLAIRVOYANT, OURS, TRACES, Case
from benchmarks.autoscaling.engine import USUAL
from benchmarks.autoscaling.results import Results
from benchmarks.autoscaling.traces import draw

STARTUP: Final = 180.0
COLOURS: Final = {
    OURS: "#0b6e99",
    "queue+kv": "#c4570a",
    "wva": "#7a4fa3",
    "queue": "#b3a100",
    "keda": "#8a8a2a",
    "cpu-1": "#bbbbbb",
    "cpu-2": "#999999",
    "cpu-8": "#666666",
    CLAIRVOYANT: "#2e8b57",
}
DRAWN: Final = (CLAIRVOYANT, "queue+kv", OURS)
"""Over time; all of them stand in the plots of cost."""
LEAST: Final = 0.01
"""Per cent: fewer misses are drawn here."""


def svg(results: Results) -> str:
    """An SVG document."""
    traces = [trace for trace in TRACES if Case(trace, STARTUP) in results.cases()]
    with mpl.rc_context(
        {
            "svg.fonttype": "none",  # letters stay letters: small files, and text that can be searched
            "svg.hashsalt": "tidegate",  # the same figures give the same file
            "font.family": "sans-serif",
            "font.size": 9,
        }
    ):
        figure = Figure(figsize=(9.2, 2.5 * len(traces) + 0.6), layout="constrained")
        grid = figure.subplots(len(traces), 2, width_ratios=(2.2, 1), squeeze=False)
        for (left, right), trace in zip(grid, traces, strict=True):
            _over_time(left, results, trace)
            _cost(right, results, trace)
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return re.sub(r"(\d\.\d)\d+", r"\1", out.getvalue())  # tenths of a point are enough: the file is half as large


def _over_time(axes: Axes, results: Results, trace: str) -> None:
    drawn = draw(trace, USUAL, results.seeds[0])
    width = max(10, len(drawn.rate) // 180)
    load = drawn.rate[: len(drawn.rate) // width * width].reshape(-1, width).mean(1)
    axes.fill_between(np.arange(len(load)) * width / 3600, load, color="#dddddd", step="post", label="load")
    found = results.of(Case(trace, STARTUP))
    for name in DRAWN:
        if name in found:
            times, engines = zip(*found[name].line, (drawn.horizon, found[name].line[-1][1]), strict=True)
            axes.step([at / 3600 for at in times], engines, where="post", color=COLOURS[name], linewidth=1, label=name)
    axes.set_title(f"{trace}: full engines, and engines asked for; start-up {STARTUP:.0f} s", loc="left", fontsize=9)
    axes.set_xlabel("hours", fontsize=8)
    axes.set_xlim(0, drawn.horizon / 3600)
    axes.set_ylim(0, 12.5)
    _plain(axes)


def _cost(axes: Axes, results: Results, trace: str) -> None:
    for name, one in results.of(Case(trace, STARTUP)).items():
        misses = max(LEAST, one.misses * 100)
        axes.plot(one.gpu_hours, misses, "o", color=COLOURS[name], markersize=6 if name == OURS else 4)
        axes.annotate(
            name, (one.gpu_hours, misses), (3, 3), textcoords="offset points", fontsize=7, color=COLOURS[name]
        )
    axes.set_yscale("log")
    axes.set_ylim(LEAST * 0.7, 150)
    axes.set_yticks([0.01, 0.1, 1, 10, 100], ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
    axes.axhline(1, color="#bbbbbb", linewidth=0.8, linestyle=":")
    axes.set_title("misses", loc="left", fontsize=9)
    axes.set_xlabel("GPU-hours", fontsize=8)
    axes.margins(x=0.2)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.grid(color="#eeeeee")
    axes.spines[["top", "right"]].set_visible(False)
