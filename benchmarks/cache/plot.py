"""From where answers come while a cache fills."""

from __future__ import annotations

from io import StringIO

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.cache.results import Results

WINDOW = 200
"""Requests over which a share is taken."""
STEP = 25
"""Requests between two points."""
LOOKS = {
    "hit-memory": ("memory", "#0b6e99"),
    "hit-exact": ("store", "#5aa7c7"),
    "hit-semantic": ("similar question", "#c4570a"),
    "miss": ("engine", "#bbbbbb"),
}


def svg(results: Results) -> str:
    """An SVG document: shares of the last WINDOW requests, stacked."""
    sources = np.array(results.zipf.sources)
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "tidegate", "font.family": "sans-serif", "font.size": 10}
    ):
        figure = Figure(figsize=(8.6, 3.2), layout="constrained")
        axes = figure.subplots()
        kernel = np.ones(WINDOW) / WINDOW
        shares = [np.convolve(sources == source, kernel, mode="valid")[::STEP] for source in LOOKS]
        if len(sources) > WINDOW:
            labels, colours = zip(*LOOKS.values(), strict=True)
            axes.stackplot(np.arange(WINDOW, len(sources) + 1, STEP), *shares, labels=labels, colors=colours)
        axes.set_xlim(WINDOW, max(WINDOW + 1, len(sources)))
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        axes.set_xlabel("requests")
        figure.legend(loc="outside upper center", ncols=4, frameon=False)
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
