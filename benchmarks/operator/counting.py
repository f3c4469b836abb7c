"""Counting children on the API server without reading them: a list of one object says how many more there are."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable

from benchmarks.operator.objects import Object, identity
from tidegate.cluster.client import Api, path
from tidegate.plan.kube.objects import API_VERSIONS

LOOK = 0.1
"""Least seconds between two looks."""
PRECISION = 0.005
"""Of a flood's duration: the pause between two looks, by the time that has passed."""


async def count(api: Api, kind: str, namespace: str) -> int:
    """Objects of a kind in a namespace."""
    found = await api.request("GET", path(API_VERSIONS[kind], kind, namespace), {"limit": "1"})
    return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))


async def census(api: Api, kinds: Iterable[str], namespace: str) -> Counter[str]:
    """Objects of each kind."""
    return Counter({kind: await count(api, kind, namespace) for kind in kinds})


async def until_all(api: Api, namespace: str, wanted: Iterable[Object], before: Counter[str], seconds: float) -> None:
    """Waits until there are as many children of each kind as wanted, beside those counted `before`. One kind after the other:
    to count is work for the API server, and would be charged to the operator."""
    begin = time.monotonic()
    for kind, number in Counter(manifest["kind"] for manifest in wanted).items():
        while await count(api, kind, namespace) - before[kind] < number:
            passed = time.monotonic() - begin
            if passed > seconds:
                raise TimeoutError(f"not within {seconds:.0f} s: all of {kind}")
            await asyncio.sleep(max(LOOK, PRECISION * passed))


async def same(api: Api, namespace: str, wanted: Iterable[Object]) -> bool:
    """Whether the namespace has exactly the wanted children among the objects with our label."""
    expected = {identity(manifest) for manifest in wanted}
    found = set()
    for kind in {kind for kind, _ in expected}:
        labels = {"labelSelector": "app.kubernetes.io/managed-by=tidegate"}
        listed = await api.request("GET", path(API_VERSIONS[kind], kind, namespace), labels)
        found |= {(kind, item["metadata"]["name"]) for item in listed["items"]}
    return found == expected
