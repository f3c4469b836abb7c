"""Many Pods, and GPUs."""

from __future__ import annotations

import time

import pytest

from .conftest import Namespace, is_ready
from .manifests import container, pod

pytestmark = pytest.mark.cluster


def test_fifty_pods_at_once(ns: Namespace) -> None:
    sleeper = container(["sleep", "600"])
    started = time.monotonic()
    ns.apply(*(pod(f"many{i}", sleeper, terminationGracePeriodSeconds=0) for i in range(50)))
    ns.until(lambda: sum(map(is_ready, ns.pods())) == 50, "fifty Pods are Ready", seconds=150)
    print(f"50 Pods Ready in {time.monotonic() - started:.1f} s")
    addresses = {each["status"]["podIP"] for each in ns.pods()}
    assert len(addresses) == 50


def test_gpus_are_given_once_and_the_broken_are_not(ns: Namespace) -> None:
    def gpus(name: str, count: int) -> dict[str, object]:
        wanted = {"limits": {"nvidia.com/gpu": count}}
        return pod(name, container(resources=wanted), nodeSelector={"kubernetes.io/hostname": "node2"})

    def allocatable() -> int:
        return int(ns.cluster.api.get("/api/v1/nodes/node2")["status"]["allocatable"]["nvidia.com/gpu"])

    def pending(name: str) -> bool:
        conditions = ns.pod(name)["status"].get("conditions", [])
        return any("Insufficient nvidia.com/gpu" in each.get("message", "") for each in conditions)

    ns.apply(*(gpus(f"gpu{i}", 1) for i in range(4)))
    names = [f"gpu{i}" for i in range(4)]
    ns.until_ready(*names)
    seen = {ns.kubectl("exec", name, "--", "printenv", "NVIDIA_VISIBLE_DEVICES").strip() for name in names}
    assert seen == {f"GPU-node2-{i}" for i in range(4)}
    ns.apply(gpus("fifth", 1))
    ns.until(lambda: pending("fifth"), "the fifth waits")

    ns.cluster.break_gpus(2, [0, 1, 2])
    ns.until(lambda: allocatable() == 1, "the broken GPUs are gone")
    for name in names:
        ns.delete(name)
    ns.until_ready("fifth")
    assert ns.kubectl("exec", "fifth", "--", "printenv", "NVIDIA_VISIBLE_DEVICES").strip() == "GPU-node2-3"

    ns.cluster.break_gpus(2, [])
    ns.until(lambda: allocatable() == 4, "they are healed")


def test_a_pod_may_ask_for_more_than_this_machine_has(ns: Namespace) -> None:
    ns.apply(pod("big", container(resources={"requests": {"cpu": "48", "memory": "300Gi"}})))
    ns.until_ready("big")
