"""`make demo-rollout`: on the demo's cluster, under load, a good revision is promoted and a bad one is taken back, live."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import re
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.table import Table

from e2e.devcluster import Cluster
from e2e.devcluster.launch import ClusterError
from e2e.harness import Load, Tally, engine_env
from e2e.rollouts import CANARY, GATES, OBJECTIVES
from tidegate.cli.plugin import access
from tidegate.cli.plugin.address import Address
from tidegate.cli.plugin.lines import headline
from tidegate.cli.plugin.looks import Looks
from tidegate.cli.plugin.picture import picture
from tidegate.cli.plugin.run import Show, viewer
from tidegate.cli.plugin.seen import Seen, seen
from tidegate.cli.plugin.watch import follow

MODEL: Final = "qwen"
STEPS: Final = [{"traffic": "10%", "hold": "5s"}, {"traffic": "50%", "hold": "22s"}]
WIDTH: Final = 116
"""Columns of the picture."""
TYPEFACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""In Rich's SVG: they would be fetched from elsewhere, and every browser has a monospaced one."""


def main() -> int:
    """Returns 0 when the good one was promoted, the bad one taken back, and nobody else's request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="dev", help="name of the demo's cluster")
    parser.add_argument("--pictures", type=Path, help="folder into which what was shown is written, as SVG")
    arguments = parser.parse_args()
    try:
        cluster = Cluster.attach(arguments.name)
    except ClusterError as error:
        print(f"{error}; first: make demo NAME={arguments.name}", file=sys.stderr)
        return 1
    demo = Demo(cluster, Console(highlight=False), blank())
    ended = demo.run()
    if arguments.pictures:
        draw(demo.paper, arguments.pictures / "demo-rollout.svg", "make demo-rollout")
        draw(demo.one_moment, arguments.pictures / "rollout-status.svg", f"kubectl tidegate rollout status -w {MODEL}")
    return ended


def blank() -> Console:
    """Something to draw on."""
    return Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)


def draw(console: Console, file: Path, title: str) -> None:
    """As SVG."""
    file.write_text(TYPEFACES.sub("", console.export_svg(title=title)))


class Demo:
    """One run."""

    def __init__(self, cluster: Cluster, console: Console, paper: Console) -> None:
        self.cluster = cluster
        self.console = console
        self.paper = paper
        """What becomes the picture of the whole."""
        self.one_moment = blank()
        """The good one, on its way."""

    def run(self) -> int:
        """The whole demo; the exit status."""
        self._prepare()
        load = Load(self.cluster.forward("default", "chat-router", 80))
        with load.running(streams=10, tokens=10, short=4) as tally:
            good = self._change("A good revision: another speed of the simulated engine", DECODE_MS=5)
            bad = self._change("A bad one: half of its answers are errors", ERROR_RATE=0.5)
        tried = seen(self.cluster.get(f"mdep/{MODEL}")).revision
        harm = failed(tally) - errors(tally, tried)
        self._show(clients(tally, tried), paper=True)
        self._show(f"Failed requests outside of the bad revision: {harm}", paper=True)
        self._show(f"\nLook around:\n  kubectl tidegate rollout status {MODEL}\n  kubectl describe mdep {MODEL}")
        return int((good, bad, harm) != (0, 1, 0))

    def _prepare(self) -> None:
        """Objectives and steps, which are no new revision."""
        rollout = {"canary": CANARY | {"steps": STEPS}, "gates": GATES}
        self._patch({"objectives": OBJECTIVES, "rollout": rollout, "drain": {"timeout": "15s"}})
        self._show("Objectives and two steps were written to the model; 14 clients ask it all the time.\n")

    def _change(self, title: str, **settings: float) -> int:
        """A new revision, watched to its end; the exit status of `rollout status -w`. A variable of its own tells it from those of
        earlier runs: what was taken back once is not tried again."""
        run = {"name": "DEMO_RUN", "value": f"{datetime.now(UTC):%H:%M:%S}"}
        self._patch({"engine": {"env": [*engine_env(**settings), run]}})
        self._show(f"[bold]{title}[/]\n$ kubectl tidegate rollout status -w {MODEL}", paper=True)
        return asyncio.run(self._watch())

    async def _watch(self) -> int:
        to = Address(MODEL, "default")
        screen, show = viewer(to, self.console)
        film = Film(to)
        async with access.opened(access.Flags(kubeconfig=str(self.cluster.kubeconfig))) as reached:

            async def read() -> Seen:
                return seen(await reached.read(MODEL))

            with screen:
                ended = await follow(read, film.also(show))
        self.paper.print(film.chosen)
        if ended == 0:
            self.one_moment.print(film.chosen)
            self.paper.print(headline(film.last, to))
        self.paper.print("")
        self._show("")
        return ended

    def _patch(self, spec: dict[str, Any]) -> None:
        self.cluster.kubectl("patch", f"mdep/{MODEL}", "--type=merge", "-p", json.dumps({"spec": spec}))

    def _show(self, what: RenderableType, paper: bool = False) -> None:
        self.console.print(what)
        if paper:
            self.paper.print(what)


class Film:
    """Of all that was shown, the one moment that a picture on paper needs."""

    def __init__(self, to: Address) -> None:
        self._to = to
        self._looks = Looks()
        self._best = (0, 0)
        self.last = Seen("Unseen")
        self.chosen: RenderableType = ""
        """The end of one that was taken back; of another one the last moment of its last step at which most objectives were met."""

    def also(self, show: Show) -> Show:
        """Shows, and keeps."""

        def both(now: Seen, trouble: str) -> None:
            show(now, trouble)
            self.last = now
            self._looks.note(now)
            far = (now.step, sum(gate.outcome == "passed" for gate in now.gates))
            under_way = now.state == "Trial" and now.step < now.steps and far >= self._best
            if under_way or now.state == "Refused":
                self._best, self.chosen = far, picture(now, self._to, self._looks, datetime.now(UTC))

        return both


def failed(tally: Tally) -> int:
    """Requests that did not get a whole answer."""
    return tally.failed + tally.cut


def errors(tally: Tally, revision: str) -> int:
    """Those that a revision answered with an error."""
    return sum(count for (name, kind), count in tally.outcomes.items() if name == revision and kind != "ok")


def clients(tally: Tally, bad: str) -> Table:
    """What clients saw, by revision."""
    requests: Counter[str] = Counter()
    for (name, _), count in tally.outcomes.items():
        requests[name or "(none)"] += count
    table = Table("revision", "requests", "failed", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name, count in requests.items():
        table.add_row(f"{name} (the bad one)" if name == bad else name, f"{count:,}", f"{errors(tally, name):,}")
    return table


if __name__ == "__main__":
    sys.exit(main())
