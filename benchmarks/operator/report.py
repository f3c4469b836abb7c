"""The table and the plot, on the terminal, in files, and between the markers of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import pages
from benchmarks.operator.plot import svg
from benchmarks.operator.results import Results, Row, rows
from e2e.devcluster import Cluster
from e2e.install import NAMESPACE

NAME = "operator"
"""Of the markers in the page."""
EXPLANATION = """\
The bare client creates the same custom resources and the same children, with the same library and as many requests under way,
while no operator runs. The operator also writes statuses and Events for each object, watches everything with two replicas,
and reads its way back into any state that it may be killed in. No Pod but the operator's runs: nodes are cordoned and have no
GPUs. Both times include what Kubernetes itself does with the objects on the same two cores. Floods: medians of the rounds.
"""
COSTS = """\
Seconds of CPU in the median round. Both cores are busy from begin to end, so that the ratio of times is the ratio of these sums.
"""
COSTS_HEAD = (
    "models",
    "control plane, with the operator",
    "both replicas",
    "control plane, with the bare client",
    "bare client",
)


def write(results: Results, folder: Path) -> None:
    """`operator.json`, `operator.md` and `operator.svg`."""
    pages.write(folder, "operator", results.json(), page(results), svg(results))


def keep_logs(cluster: Cluster, folder: Path) -> None:
    """`operator.log`, and `operator-previous.log` of processes that ended before their Pods did."""
    folder.mkdir(parents=True, exist_ok=True)
    logs = ("-n", NAMESPACE, "logs", "-l", "app.kubernetes.io/name=tidegate", "--tail=-1", "--prefix")
    (folder / "operator.log").write_text(cluster.kubectl(*logs, check=False))
    (folder / "operator-previous.log").write_text(cluster.kubectl(*logs, "--previous", check=False))


def insert(document: Path, text: str, picture: str) -> None:
    """Puts table and plot between the markers of a document. Raises ValueError when it has none."""
    image = f"![seconds until every child exists]({picture})"
    pages.insert(document, NAME, f"{EXPLANATION}\n{text}\n{image}\n")


def page(results: Results) -> str:
    """Both tables."""
    goals = ((row.what, row.value, row.goal, _met(row)) for row in rows(results))
    goals_table = pages.table(("what", "measured", "goal", "met"), goals)
    return "\n".join([goals_table, COSTS, pages.table(COSTS_HEAD, _costs(results))])


def _costs(results: Results) -> Iterator[Sequence[str]]:
    """Of each size the round with the median ratio (of two, the lower)."""
    for size, rounds in results.floods.items():
        one = sorted(rounds, key=lambda done: done.ratio)[(len(rounds) - 1) // 2]
        parts = (one.operator.control_plane, one.operator.client, one.bare.control_plane, one.bare.client)
        yield (f"{size:,}", *(f"{seconds:.1f} s" for seconds in parts))


def plain(table: list[Row]) -> str:
    """Columns for a terminal."""
    wide = [max(len(getattr(row, part)) for row in table) for part in ("what", "value", "goal")]
    lines = (f"{r.what:{wide[0]}}  {r.value:{wide[1]}}  {r.goal:{wide[2]}}  {_met(r)}" for r in table)
    return "\n".join(line.rstrip() for line in lines)


def _met(row: Row) -> str:
    return {None: "", True: "met", False: "not met"}[row.met]
