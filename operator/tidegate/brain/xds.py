"""Envoy's files: each renamed into place, so that Envoy reads whole ones, and in an order in which nothing dangles.

    1. EDS of every destination   so that a new cluster is warm at once
    2. LDS, where there are       listeners inside Envoy, for new clusters; those without a cluster go with step 4
       tunnels
       CDS with old and new       routes of either version find their clusters
    3. RTDS and RDS               the switch, once Envoy says that it runs the clusters: a warming one is not found
    4. CDS without the old        once nobody can be on the way to them any more
    5. EDS of what is gone        deleted

Only what changed is written. A change of engines alone is step 1.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from tidegate.contract.destinations import SecretEntry
from tidegate.envoy import tls, tunnels
from tidegate.envoy.bootstrap import bootstrap
from tidegate.envoy.clusters import UNPARSED, Endpoint, load_assignment, unparsed
from tidegate.envoy.observe import SWITCHES
from tidegate.envoy.providers import named, secret
from tidegate.envoy.snapshot import ASSIGNMENT, CLUSTER, ROUTE, RUNTIME, SECRET, Snapshot, listeners, response
from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource
from tidegate.names import short_hash

VERSION_LENGTH: Final = 12
LAST_GOOD: Final = "running.json"
KEYS: Final = "keys.json"
ISSUERS: Final = "issuers.json"


class Files:
    """The run folder of one router Pod."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self._run = Path(start.run_dir)
        self._xds = Path(start.xds)
        self._written: dict[str, bytes] = {}
        self._settled: Mapping[str, Resource] = _clusters_in(self._xds / "cds.json")
        self._offered: dict[str, Resource] = {}
        self._tunnels: dict[str, Resource] = _tunnels_in(self._xds / "lds.json")
        self._walked: frozenset[str] = frozenset()
        self.weights: Mapping[Endpoint, int] = {}
        """Of engines that are weighed."""

    def begun(self) -> bool:
        """Whether an earlier brain of this Pod left a configuration that Envoy can start with, or runs. A disk that was full, or a
        node without power, may have left files that say nothing: they are written anew, before Envoy is let start."""
        needed = [self._xds / f"{name}.json" for name in ("lds", "cds", "rds", SWITCHES)]
        return all(_said(file) for file in (self._run / "bootstrap.json", *needed))

    def begin(self) -> None:
        """What never changes, the bootstrap last: Envoy starts with it."""
        if self.start.certificate:
            self._write(Path(tls.path(self.start)), response(SECRET, "1", [tls.secret(self.start)]))
        self._write(self._xds / "lds.json", listeners(self.start, self._tunnels.values()))
        self._write(self._run / "bootstrap.json", bootstrap(self.start))

    def clusters(self) -> Collection[str]:
        """The destinations that Envoy may know."""
        return {**self._settled, **self._offered}.keys()

    def offer(self, snapshot: Snapshot) -> str:
        """Steps 1 and 2; returns the version of the clusters. What was offered before and not settled may be what Envoy
        runs: its clusters stay as well."""
        self.keep(snapshot)
        self._offered.update(snapshot.clusters)
        self._listen({**self._tunnels, **snapshot.tunnels})
        return self._clusters({**self._settled, **self._offered})

    def switch(self, snapshot: Snapshot) -> None:
        """Step 3, with the switches of what is told."""
        self._write(self._xds / f"{SWITCHES}.json", response(RUNTIME, snapshot.version, [snapshot.switches]))
        self._write(self._xds / "rds.json", response(ROUTE, snapshot.version, [snapshot.routes]))

    def settle(self, snapshot: Snapshot, leaving: Collection[str] = ()) -> None:
        """Steps 4 and 5, but for those that are `leaving`."""
        known = {**self._settled, **self._offered}
        self._settled = {name: known[name] for name in known if name in leaving} | dict(snapshot.clusters)
        self._offered = {}
        self._walked &= self._settled.keys()
        self._clusters(self._settled)
        self._listen({name: made for name, made in self._tunnels.items() if name in self._settled})
        for path in self._xds.glob("eds.*.json"):
            if path.name.removeprefix("eds.").removesuffix(".json") not in self._settled:
                path.unlink()
                self._written.pop(str(path), None)

    def remember(self, config: str) -> None:
        """The RouterConfig that Envoy runs, for a brain that comes after this one."""
        self._replace(self._run / LAST_GOOD, config.encode())

    def last_good(self) -> str:
        """What was remembered; empty if nothing was."""
        return _text(self._run / LAST_GOOD)

    def remember_keys(self, known: str) -> None:
        """The digests of clients' keys, for the same."""
        self._replace(self._run / KEYS, known.encode())

    def keys(self) -> str:
        """What was remembered of them; empty if nothing was."""
        return _text(self._run / KEYS)

    def remember_issuers(self, known: str) -> None:
        """The keys that issuers of tokens publish, for the same."""
        self._replace(self._run / ISSUERS, known.encode())

    def issuers(self) -> str:
        """What was remembered of them; empty if nothing was."""
        return _text(self._run / ISSUERS)

    def key(self, entry: SecretEntry, value: bytes) -> None:
        """A provider's key, for Envoy alone. Another one gets another file, because Envoy looks no further than its name."""
        path = self._xds / f"key.{named(entry)}.json"
        known = sorted(self._run.glob(f"key.{named(entry)}.*"), key=lambda file: file.stat().st_mtime)
        if known and path.exists() and known[-1].read_bytes() == value:
            return
        file = self._run / f"key.{named(entry)}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(value)
        self._write(path, response(SECRET, file.suffix, [secret(entry, str(file))]))
        for old in known[:-1]:  # Envoy may be reading the last one
            old.unlink()

    def forget_key(self, entry: SecretEntry) -> None:
        """It is a key no more: no cluster shows it from now on, and nobody finds it here."""
        for file in self._run.glob(f"key.{named(entry)}.*"):
            file.unlink()

    def proxy(self, entry: SecretEntry, value: bytes) -> None:
        """What is shown to a proxy, for Envoy alone, which reads it again when it is another one."""
        path = Path(tunnels.file(self.start, entry))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._replace(path, value)

    def forget_proxy(self, entry: SecretEntry) -> None:
        """Nothing is shown from now on. The file stays: an Envoy that begins anew refuses a listener whose file is not there."""
        path = Path(tunnels.file(self.start, entry))
        if path.exists():
            self._replace(path, b"")

    def certificates(self, name: str, value: bytes) -> str:
        """What providers are verified with; the file, which is another one for others."""
        file = self._run / f"ca.{name}.{short_hash(value.decode(errors='replace'))}"
        self._replace(file, value)
        return str(file)

    def has(self, entry: SecretEntry) -> str:
        """The file that an earlier brain has made of an entry, whichever it is; empty if none has."""
        found = [*self._run.glob(f"ca.{named(entry)}.*"), *self._run.glob(f"key.{named(entry)}.*")]
        through = Path(tunnels.file(self.start, entry))
        found += [through] if _text(through) else []
        return str(max(found, key=lambda file: file.stat().st_mtime)) if found else ""

    def withdraw(self, good: Snapshot, leaving: Collection[str] = ()) -> None:
        """Envoy refused: the files say again what it runs, so that an Envoy that starts anew runs that. What stands in them may be
        what an earlier brain offered, and Envoy refused."""
        self._offered = {}
        self.switch(good)
        self.settle(good, leaving)

    def keep(self, snapshot: Snapshot) -> None:
        """Step 1, for all destinations of what Envoy runs, or may run."""
        self._walked |= snapshot.walked
        self.engines(snapshot.endpoints)

    def engines(self, endpoints: Mapping[str, Sequence[Endpoint]]) -> None:
        """Step 1, for some destinations."""
        for name, engines in endpoints.items():
            assignment = load_assignment(name, engines, self.start, walked=name in self._walked, weights=self.weights)
            self._write(self._xds / f"eds.{name}.json", response(ASSIGNMENT, assigned(name, engines), [assignment]))

    def _listen(self, inside: dict[str, Resource]) -> None:
        """The listeners inside Envoy; before it begins they are but remembered."""
        if inside != self._tunnels and self._written_before():
            self._write(self._xds / "lds.json", listeners(self.start, inside.values()))
        self._tunnels = inside

    def _written_before(self) -> bool:
        return (self._xds / "lds.json").exists()

    def _clusters(self, clusters: Mapping[str, Resource]) -> str:
        resources = [unparsed(), *(clusters[name] for name in sorted(clusters))]
        version = short_hash(orjson.dumps(resources).decode(), VERSION_LENGTH)
        self._write(self._xds / "cds.json", response(CLUSTER, version, resources))
        return version

    def _write(self, path: Path, document: dict[str, Any]) -> None:
        self._replace(path, orjson.dumps(document))

    def _replace(self, path: Path, text: bytes) -> None:
        """Atomically, and only when it says something new."""
        if self._written.get(str(path)) == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(text)
        os.replace(fresh, path)  # noqa: PTH105 - the rename is what Envoy notices
        self._written[str(path)] = text


def assigned(destination: str, endpoints: Sequence[Endpoint]) -> str:
    """The version under which Envoy has these engines."""
    where = ",".join(f"{each.address}:{each.port}" for each in endpoints)
    return short_hash(f"{destination} {where}", VERSION_LENGTH)


def _clusters_in(file: Path) -> dict[str, Resource]:
    """What an earlier brain of this Pod left: routes that Envoy runs may name them."""
    found = {resource["name"]: resource for resource in _said(file).get("resources", ())}
    return {
        name: {key: value for key, value in resource.items() if key != "@type"}
        for name, resource in found.items()
        if name != UNPARSED
    }


def _tunnels_in(file: Path) -> dict[str, Resource]:
    """The listeners inside Envoy that an earlier brain of this Pod left."""
    found = (r for r in _said(file).get("resources", ()) if r["name"].startswith(tunnels.PREFIX))
    return {r["name"]: {key: value for key, value in r.items() if key != "@type"} for r in found}


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""


def _said(file: Path) -> dict[str, Any]:
    """What stands in a file of ours; nothing when there is none, or none that can be read."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
