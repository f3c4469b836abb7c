"""From a changed weight until the one real router's Envoy runs it, as its brain says."""

from __future__ import annotations

import asyncio
import time

import httpx

from benchmarks.operator.place import Place
from benchmarks.operator.probes import FRONT, PATIENCE, Probes, probes, repeated
from tidegate.names import BRAIN_PORT, POLICY_LABEL, short_hash

NAMESPACE = "live"
LOOK = 0.005


async def latencies(place: Place, times: int) -> list[float]:
    """Seconds of each change."""
    async with probes(place, NAMESPACE) as probe:
        pod = await place.wait(lambda: _ready_router(place), "the router is ready")
        url = place.cluster.forward(NAMESPACE, f"pod/{pod}", BRAIN_PORT)
        async with httpx.AsyncClient(base_url=url, timeout=10) as brain:
            await _taken(brain, await probe.change_weight())
            found = await repeated(lambda: _change(probe, brain), times)
    place.cluster.kubectl(
        "-n", NAMESPACE, "delete", "pod", pod, "--grace-period=0", "--force"
    )  # nobody waits for its drain
    return found


def _ready_router(place: Place) -> str:
    pods = place.cluster.get("-n", NAMESPACE, "pods", "-l", f"{POLICY_LABEL}={FRONT}")["items"]
    conditions = {c["type"]: c["status"] for pod in pods for c in pod["status"].get("conditions", [])}
    return str(pods[0]["metadata"]["name"]) if conditions.get("Ready") == "True" else ""


async def _change(probe: Probes, brain: httpx.AsyncClient) -> float:
    begin = time.monotonic()
    await _taken(brain, await probe.change_weight())
    return time.monotonic() - begin


async def _taken(brain: httpx.AsyncClient, config: str) -> None:
    """Waits until Envoy runs this RouterConfig."""
    wanted = short_hash(config, 12)
    async with asyncio.timeout(PATIENCE):
        while (await brain.get("/status")).json()["config"] != wanted:
            await asyncio.sleep(LOOK)
