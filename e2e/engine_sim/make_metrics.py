"""Writes metrics.json, the table of every metric, from a recorded `GET /metrics` of an engine without LoRA.

    python -m e2e.engine_sim.make_metrics metrics_after.txt > e2e/engine_sim/metrics.json

One family a line: `name`, `kind`, `help`, `labels` (names; without `model_name` and, in histograms, `le`), `children` (the
label values that exist before any request), `bounds` of a histogram, and `named`: whether `model_name` is a label too.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

# These come from prometheus_client's own collectors, in the simulator as in vLLM.
_PROCESS = ("python_", "process_")


def families(text: str) -> Iterable[Metric]:
    """The metric families of an exposition, without process metrics and without `_created` doubles."""
    for family in text_string_to_metric_families(text):
        # The parser strips, but trailing blanks are part of the help.
        (family.documentation,) = re.findall(rf"^# HELP {family.name}(?:_total)? (.*)$", text, re.MULTILINE)[:1]
        if not family.name.startswith(_PROCESS) and not family.name.endswith("_created"):
            yield family


def row(family: Metric) -> dict[str, Any]:
    """One row of the table."""
    labelled = [
        {name: value for name, value in sample.labels.items() if name not in ("le", "model_name")}
        for sample in family.samples
    ]
    names = list(labelled[0])
    children = list(dict.fromkeys(tuple(labels[name] for name in names) for labels in labelled))
    written: dict[str, Any] = {
        "name": family.name,
        "kind": family.type,
        "help": family.documentation,
        "labels": names,
        # Handlers appear with their first request.
        "children": [] if "handler" in names else children,
        "named": "model_name" in family.samples[0].labels,
    }
    if family.type == "histogram":
        bounds = dict.fromkeys(float(sample.labels["le"]) for sample in family.samples if "le" in sample.labels)
        written["bounds"] = [bound for bound in bounds if bound != float("inf")]
    return written


def table(text: str) -> str:
    """metrics.json of an exposition."""
    return "[\n" + ",\n".join(json.dumps(row(family)) for family in families(text)) + "\n]\n"


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1]).read_text()))
