"""Where it is measured: a dev cluster without GPUs, the operator from its chart, and a client out here."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kubernetes.aio import client, config

from benchmarks.operator import processes
from e2e import operators
from e2e.devcluster import Cluster
from e2e.install import NAMESPACE, install_chart
from tidegate.cluster.client import Api, configuration

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
TOLERATION = (f"tolerations[0].key={UNSCHEDULABLE}", "tolerations[0].operator=Exists")
"""Nodes are cordoned, so that no Pod but the operator's ever runs."""
QUIET = 0.35
"""Share of a core below which the control plane counts as at rest."""
QUIET_SECONDS = 3.0


@dataclass
class Place:
    """The cluster and a client of it."""

    cluster: Cluster
    api: Api
    begin: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"[{time.monotonic() - self.begin:6.1f} s] {text}", file=sys.stderr, flush=True)

    async def wait(self, condition: Callable[[], Any], what: str, seconds: float = 120.0) -> Any:
        """Cluster.wait without blocking the loop."""
        return await asyncio.to_thread(self.cluster.wait, condition, what, seconds)

    async def namespace(self, name: str) -> None:
        """A new namespace, with what Kubernetes puts into each."""
        self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for thing in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
            where = f"/api/v1/namespaces/{name}/{thing}"
            await self.wait(partial(self.cluster.api.get, where), f"{name}/{thing}")

    async def clean(self, name: str) -> None:
        """Deletes a namespace, and waits until nothing of it is left and the control plane has nothing to do."""
        self.say(f"deleting namespace {name}")
        self.cluster.kubectl("delete", "namespace", name, "--wait=false")
        await self.wait(
            lambda: name not in self.cluster.kubectl("get", "namespaces", "-o", "name"), f"{name} is gone", 600
        )
        await self.rest()

    async def rest(self) -> None:
        """Waits until the control plane does next to nothing: its queues and its garbage collection are done."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            before, at = processes.control_plane(self.cluster), time.monotonic()
            await asyncio.sleep(QUIET_SECONDS)
            used = (processes.control_plane(self.cluster) - before) / (time.monotonic() - at)
            if used < QUIET:
                return
        raise TimeoutError("the control plane does not come to rest")

    async def scale_operator(self, replicas: int) -> None:
        """Ends all replicas, or starts fresh ones and waits until one leads."""
        self.cluster.kubectl("-n", NAMESPACE, "scale", "deployment/tidegate", f"--replicas={replicas}")
        await self.wait(lambda: len(processes.operators(self.cluster)) == replicas, f"{replicas} operators run")
        if replicas:
            await self.operator_ready()

    async def operator_ready(self) -> None:
        """Waits until all replicas are ready and one leads."""
        self.cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/tidegate", "--timeout=120s")
        await self.wait(lambda: operators.leader(self.cluster) in processes.operators(self.cluster), "one leads")


@contextmanager
def cluster(name: str) -> Iterator[Cluster]:
    """A cluster with the operator installed as users do it."""
    with Cluster.start(name, nodes=1, gpus=0) as running:
        install_chart(running, *TOLERATION)
        yield running


@asynccontextmanager
async def place(running: Cluster, connections: int) -> AsyncIterator[Place]:
    """The client is the operator's own, with as many connections as there are workers."""
    settings = configuration()
    await config.load_kube_config(str(running.kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]
    settings.connection_pool_maxsize = connections
    async with client.ApiClient(settings) as api_client:
        yield Place(running, Api(api_client))


def cordon(running: Cluster) -> None:
    """From now on only the operator's Pods find a node."""
    running.kubectl("cordon", "node1")
