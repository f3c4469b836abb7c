"""Asking router Pods which configuration they run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import httpx

from tidegate import names
from tidegate.plan.kube.pods import ready
from tidegate.plan.plan import Manifest
from tidegate.plan.world import RouterReport

TIMEOUT = 2.0
"""Seconds for one brain's answer."""


async def reports(client: httpx.AsyncClient, pods: Iterable[Manifest]) -> tuple[RouterReport, ...]:
    """One report for each ready router Pod that answers; silent ones are left out."""
    asked = [_ask(client, pod) for pod in pods if ready(pod)]
    return tuple(report for report in await asyncio.gather(*asked) if report)


async def _ask(client: httpx.AsyncClient, pod: Manifest) -> RouterReport | None:
    url = f"http://{_host(pod['status']['podIP'])}:{names.BRAIN_PORT}/status"
    try:
        answer = await client.get(url, timeout=TIMEOUT)
        said = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    return RouterReport(pod["metadata"]["name"], str(said.get("config", "")), str(said.get("error", "")))


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
