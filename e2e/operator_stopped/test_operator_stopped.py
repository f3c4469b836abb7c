"""Promise: what an operator missed while it could not look is repaired within a minute, and nothing comes back from the dead."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from e2e import operators
from e2e.audit import Audit
from e2e.devcluster import Cluster
from e2e.harness import Place, model

pytestmark = pytest.mark.cluster
MODELS = ("deleted", "replaced", "bereft", "edited", "untouched")
REPAIR_SECONDS = 90.0
"""A minute, after which the one that leads has looked at everything anew, and what a busy machine adds."""
WRITES = 60
"""Six children and a few statuses and Events of the one model that is made anew, and what is repaired at the others."""


@contextmanager
def stopped(cluster: Cluster) -> Iterator[None]:
    """Both operators hang; for less than 30 seconds, or their liveness probes would end them."""
    operators.settled(cluster)
    pids = operators.pids(cluster)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):  # a busy machine took longer than their probes wait
                os.kill(pid, signal.SIGCONT)


@pytest.mark.usefixtures("traffic")
def test_what_was_missed_is_repaired_and_nothing_comes_back(place: Place, installed: Cluster) -> None:
    place.apply(*(model(name, replicas=0) for name in MODELS))
    place.ready(*(f"mdep/{name}" for name in MODELS))
    untouched = place.at_rest()
    with stopped(installed):
        old = installed.processes["kube-apiserver"]
        os.kill(old, signal.SIGKILL)
        installed.wait(lambda: installed.processes.get("kube-apiserver", old) != old, "there is another API server")
        installed.wait(installed.api.healthy, "it answers")
        audit = Audit.from_now(installed)
        place.kubectl("delete", "mdep", "deleted", "replaced", "--wait=false")
        place.kubectl("delete", "svc", "bereft")
        place.kubectl("scale", "deploy", "-l", "tidegate.dev/model=edited", "--replicas=1")
        place.apply(model("replaced", replicas=0, engine={"maxNumSeqs": 7}))
    begin = time.monotonic()
    place.wait(lambda: place.get("svc/bereft"), "the Service is back", REPAIR_SECONDS)
    place.wait(lambda: _replicas(place, "edited") == [0], "the size is as specified", REPAIR_SECONDS)
    place.ready("mdep/replaced", seconds=REPAIR_SECONDS)
    place.wait(lambda: _children(place, "deleted") == [], "nothing is left", REPAIR_SECONDS)
    assert time.monotonic() - begin < REPAIR_SECONDS
    now = place.at_rest()
    assert _children(place, "deleted") == []
    assert _owners(place, "replaced") == {place.get("mdep/replaced")["metadata"]["uid"]}
    for name in ("ModelDeployment/untouched", "Service/untouched"):
        assert now[name] == untouched[name]
    writes = audit.writes(place.name)
    assert sum(writes.values()) <= WRITES, writes
    done = audit.writes(place.name, done=True)  # what it was about to say when it was stopped, it may still try
    assert not [what for what in done if "deleted" in what], done


def _children(place: Place, name: str) -> list[str]:
    selector = ("-l", f"tidegate.dev/model={name}", "-o", "name")
    return place.kubectl("get", "deploy,svc,sa,pdb,controllerrevision,pods", *selector).split()


def _replicas(place: Place, name: str) -> list[int]:
    return [item["spec"]["replicas"] for item in place.items("deploy", f"tidegate.dev/model={name}")]


def _owners(place: Place, name: str) -> set[str]:
    children = place.get("deploy,svc,sa,pdb,controllerrevision", "-l", f"tidegate.dev/model={name}")["items"]
    return {ref["uid"] for child in children for ref in child["metadata"]["ownerReferences"]}
