"""Promise: an API server that answers 429, 500 and 409, loses answers and breaks watches off costs time, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e import operators
from e2e.devcluster import Cluster
from e2e.devcluster.processes import cpu_seconds
from e2e.devcluster.settings import API_URL, SERVER_IP
from e2e.harness import Object, Place, model, policy
from e2e.install import NAMESPACE
from e2e.load.heavy import RATE, STREAMS

pytestmark = pytest.mark.cluster
PROXY = Path(__file__).with_name("proxy.py")
PORT = 7443
ADDRESS = {"KUBERNETES_SERVICE_HOST": SERVER_IP, "KUBERNETES_SERVICE_PORT": str(PORT)}
EDIT_EVERY = 1.0
EDITS = 20
"""At least: one of which makes five writes, a fifth of them is refused, and each fourth of those in its own way. That none is in one of the ways
happens less than once in a million times."""
WRITES_PER_EDIT = 25
"""Writing requests of both operators together: an edit here changes two children and two statuses in a few passes, every
second one says first which engine is to leave, a fifth of the requests is refused and asked again, and each replica asks for its Lease every few seconds."""
CPU_SHARE = 0.5
"""Of a core, both operators together: a loop without pauses would take two."""


class Faults:
    """The running proxy."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def toggle(self) -> None:
        """Faults begin, or end."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def counts(self) -> dict[str, int]:
        """Ends the proxy; what it saw."""
        out, _ = self._process.communicate(timeout=30)
        found: dict[str, int] = json.loads(out)
        return found


@contextmanager
def proxied(cluster: Cluster) -> Iterator[Faults]:
    """The operators reach the API server through the proxy while the block runs."""
    argv = [sys.executable, str(PROXY), "--upstream", API_URL, "--host", SERVER_IP, "--port", str(PORT),
            "--pki", str(cluster.settings.pki)]  # fmt: skip
    process = subprocess.Popen(
        cluster.inside(argv),
        env=cluster.inside_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        point_operators(cluster, **ADDRESS)
        yield Faults(process)
    finally:
        point_operators(cluster, **dict.fromkeys(ADDRESS, ""))
        process.kill()
        process.communicate()


def point_operators(cluster: Cluster, **variables: str) -> None:
    """Sets or, with an empty value, removes variables of the operator's Pods, and waits for the new ones."""
    changes = [f"{name}={value}" if value else f"{name}-" for name, value in variables.items()]
    cluster.kubectl("-n", NAMESPACE, "set", "env", "deploy/tidegate", *changes)
    cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deploy/tidegate", "--timeout=120s")
    operators.settled(cluster)


@pytest.mark.parametrize(
    ("traffic", "seconds"),
    [((10, 10), 30), pytest.param((STREAMS, RATE), 300, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
    indirect=["traffic"],
    ids=["half a minute", "five minutes"],
)
@pytest.mark.usefixtures("traffic")
def test_no_lost_update_and_no_hot_loop(place: Place, installed: Cluster, seconds: int) -> None:
    place.apply(model(), model("large"), policy())
    place.ready("mdep/small", "mdep/large", "rpol/front")
    with proxied(installed) as faults:
        faults.toggle()
        processes, begin = operators.pids(installed), time.monotonic()
        before = sum(map(cpu_seconds, processes))
        edits = edit_until(place, begin + seconds)
        faults.toggle()
        place.ready("mdep/small", "mdep/large", "rpol/front")
        cpu = (sum(map(cpu_seconds, processes)) - before) / (time.monotonic() - begin)
        assert operators.pids(installed) == processes, "nobody began afresh"
        logs = place.operator_logs()
        assert_as_edited(place, edits)
        counts = faults.counts()
    report = f"{edits} edits, {cpu:.2f} of a core, {counts}"
    print(report)
    assert min(counts.get(f"fault {kind}", 0) for kind in ("429", "500", "409", "lost answer", "broken watch")) > 0, (
        report
    )
    assert counts["writes"] <= WRITES_PER_EDIT * edits, report
    assert cpu < CPU_SHARE, report
    assert "this should not happen" not in logs


def edit_until(place: Place, deadline: float) -> int:
    """Edits a model's size and a policy's retries and weights again and again, and often enough for each kind of fault; returns how often."""
    number = 0
    while time.monotonic() < deadline or number < EDITS:
        number += 1
        place.apply(model(replicas=1 + number % 2), edited(number))
        time.sleep(EDIT_EVERY)  # the rhythm of the edits, not a wait for anything
    return number


def edited(number: int) -> Object:
    """The policy after so many edits."""
    backends: list[Object] = [{"name": "small", "weight": number}, {"name": "large"}]
    return policy(routes={"chat": backends}, retry={"backoff": f"{number}ms"})


def assert_as_edited(place: Place, edits: int) -> None:
    """What runs is the last edit."""
    [deployment] = place.items("deploy", "tidegate.dev/model=small")
    assert deployment["spec"]["replicas"] == 1 + edits % 2
    config = json.loads(place.get("cm/front-router")["data"]["router.json"])
    assert [target["weight"] for target in config["routes"][0]["targets"]] == [edits, 1]
    assert config["retry"]["backoffSeconds"] == pytest.approx(edits / 1000)
    pods = place.items("pods", "tidegate.dev/role=engine")
    assert len([pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]) == 2 + edits % 2
