"""One cluster for all tests, and a namespace of its own for each of them."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from e2e.devcluster import Cluster

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Namespace:
    """A namespace of a cluster, with the questions that tests ask again and again."""

    cluster: Cluster
    name: str

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.name}"

    def apply(self, *objects: dict[str, Any]) -> None:
        self.cluster.apply(objects, namespace=self.name)

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        return self.cluster.kubectl("-n", self.name, *arguments, check=check)

    def pod(self, name: str) -> dict[str, Any]:
        return self.cluster.api.get(f"{self.path}/pods/{name}")

    def pods(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.cluster.api.get(f"{self.path}/pods")["items"]
        return items

    def delete(self, name: str) -> None:
        self.cluster.api.delete(f"{self.path}/pods/{name}")

    def logs(self, name: str, container: str = "main") -> str:
        return self.kubectl("logs", name, "-c", container)

    def container(self, name: str, container: str = "main") -> dict[str, Any]:
        """A container's status; empty while there is none."""
        status = self.pod(name).get("status", {})
        every = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        return next((each for each in every if each["name"] == container), {})

    def restarts(self, name: str) -> int:
        return int(self.container(name).get("restartCount", 0))

    def waits_for(self, name: str) -> str:
        """Why a container does not run; empty when it does, or is not known yet."""
        return str(self.container(name).get("state", {}).get("waiting", {}).get("reason", ""))

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 120.0) -> Any:
        return self.cluster.wait(condition, what, seconds)

    def is_ready(self, name: str) -> bool:
        return is_ready(self.pod(name))

    def until_ready(self, *names: str, seconds: float = 120.0) -> None:
        for name in names:
            self.until(partial(self.is_ready, name), f"Pod {name} is Ready", seconds)

    def until_log(self, name: str, text: str, container: str = "main", seconds: float = 120.0) -> str:
        log: str = self.until(
            lambda: text in (log := self.logs(name, container)) and log, f"{text!r} in the log of {name}", seconds
        )
        return log

    def until_ended(self, name: str, container: str = "main", seconds: float = 120.0) -> dict[str, Any]:
        """How a container ended."""
        ended: dict[str, Any] = self.until(
            lambda: self.container(name, container).get("state", {}).get("terminated"), f"{name} ended", seconds
        )
        return ended

    def until_gone(self, name: str, seconds: float = 120.0) -> None:
        self.until(lambda: all(each["metadata"]["name"] != name for each in self.pods()), f"{name} is gone", seconds)

    def events(self, name: str) -> list[str]:
        items = self.cluster.api.get(f"{self.path}/events")["items"]
        return [json.dumps(each) for each in items if each["involvedObject"]["name"] == name]


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    with Cluster.start(f"test-{os.getpid()}", nodes=2, gpus=4) as running:
        yield running


@pytest.fixture
def ns(cluster: Cluster) -> Iterator[Namespace]:
    """A fresh namespace; its deletion is not waited for."""
    name = f"test{next(_numbers)}"
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    cluster.wait(lambda: cluster.api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default"), f"{name} takes Pods")
    yield Namespace(cluster, name)
    cluster.api.delete(f"/api/v1/namespaces/{name}")
