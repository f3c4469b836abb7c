"""Envoy's files: each renamed into place, so that Envoy reads whole ones, and in an order in which nothing dangles.

    1. EDS of every destination   so that a new cluster is warm at once
    2. CDS with old and new       routes of either version find their clusters
    3. RDS                        the switch
    4. CDS with the new alone     once Envoy says that it runs the new routes
    5. EDS of what is gone        deleted

Only what changed is written. A change of engines alone is step 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from tidegate.envoy.clusters import load_assignment, unparsed
from tidegate.envoy.snapshot import ASSIGNMENT, CLUSTER, ROUTE, XDS, Snapshot, bootstrap, listeners, response
from tidegate.envoy.types import Resource

BETWEEN: Final = "+"
"""Ends the version of step 2, so that it can be told from step 4's."""


class Files:
    """The run folder of one router Pod."""

    def __init__(self, run_dir: Path) -> None:
        self._run = run_dir
        self._xds = run_dir / XDS
        self._written: dict[str, bytes] = {}
        self._settled: Mapping[str, Resource] = {}
        self._offered: dict[str, Resource] = {}

    def begun(self) -> bool:
        """Whether an earlier brain of this Pod left a configuration that Envoy can start with, or runs."""
        return (self._run / "bootstrap.json").exists()

    def begin(self) -> None:
        """What never changes, the bootstrap last: Envoy starts with it."""
        self._write(self._xds / "lds.json", listeners(str(self._run)))
        self._write(self._run / "bootstrap.json", bootstrap(str(self._run)))

    def offer(self, snapshot: Snapshot) -> None:
        """Steps 1 to 3. What was offered before and not settled may be what Envoy runs: its clusters stay as well."""
        self.engines(snapshot)
        self._offered.update(snapshot.clusters)
        all_of_them = {**self._settled, **self._offered}
        alone = all_of_them == snapshot.clusters
        self._clusters(all_of_them, snapshot.version if alone else snapshot.version + BETWEEN)
        self._write(self._xds / "rds.json", response(ROUTE, snapshot.version, [snapshot.routes]))

    def settle(self, snapshot: Snapshot) -> None:
        """Steps 4 and 5."""
        self._clusters(snapshot.clusters, snapshot.version)
        self._settled, self._offered = snapshot.clusters, {}
        for path in self._xds.glob("eds.*.json"):
            if path.name.removeprefix("eds.").removesuffix(".json") not in snapshot.clusters:
                path.unlink()
                self._written.pop(str(path), None)

    def withdraw(self) -> None:
        """Envoy refused: what was offered is not in the way of the next."""
        self._offered = {}

    def engines(self, snapshot: Snapshot) -> None:
        """Step 1, for every destination of the snapshot."""
        for name in snapshot.clusters:
            assignment = load_assignment(name, snapshot.endpoints[name])
            version = str(len(assignment["endpoints"]))
            self._write(self._xds / f"eds.{name}.json", response(ASSIGNMENT, version, [assignment]))

    def _clusters(self, clusters: Mapping[str, Resource], version: str) -> None:
        resources = [unparsed(), *(clusters[name] for name in sorted(clusters))]
        self._write(self._xds / "cds.json", response(CLUSTER, version, resources))

    def _write(self, path: Path, document: dict[str, Any]) -> None:
        """Atomically, and only when it says something new."""
        text = orjson.dumps(document)
        if self._written.get(str(path)) == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(text)
        os.replace(fresh, path)  # noqa: PTH105 - the rename is what Envoy notices
        self._written[str(path)] = text
