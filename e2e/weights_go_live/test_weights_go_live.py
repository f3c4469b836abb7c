"""Promise: what is decided about shares is live at all routers at once, and a bad revision's share goes as soon as it is known to be bad."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

import httpx
import pytest

from benchmarks.percentile import percentile
from e2e.harness import Load, Object, Place, policy
from e2e.rollouts import Rollout, judged
from tidegate.names import BRAIN_PORT

pytestmark = [pytest.mark.cluster, pytest.mark.long]
EVERY: Final = 0.02
"""Seconds between two looks: as exact as what is measured."""
STEPS: Final = [{"traffic": f"{share}%", "hold": "0s"} for share in range(5, 100, 5)]


@dataclass
class Timeline:
    """When something became another value, by this process's clock."""

    read: Callable[[], Any]
    changes: list[tuple[float, Any]] = field(default_factory=list)

    def follow(self, stop: threading.Event) -> None:
        last = object()
        while not stop.wait(EVERY):
            try:
                now = self.read()
            except (OSError, httpx.HTTPError, KeyError):
                continue
            if now != last:
                self.changes.append((time.monotonic(), now))
                last = now

    def after(self, moment: float) -> float | None:
        """When it changed for the first time after a moment."""
        return next((at for at, _ in self.changes if at > moment), None)


@contextmanager
def followed(*lines: Timeline) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=line.follow, args=(stop,)) for line in lines]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def routers(place: Place, client: httpx.Client) -> list[Timeline]:
    """What each router's Envoy runs."""
    pods = place.items("pods", "tidegate.dev/role=router")
    urls = [place.cluster.forward_address(pod["status"]["podIP"], BRAIN_PORT) for pod in pods]

    def config(url: str) -> Callable[[], str]:
        return lambda: str(client.get(f"{url}/status").json()["config"])

    return [Timeline(config(url)) for url in urls]


def decided(place: Place) -> Timeline:
    """The share that the model's status gives."""
    url = f"/apis/tidegate.dev/v1alpha1/namespaces/{place.name}/modeldeployments/small"
    return Timeline(lambda: place.cluster.api.get(url)["status"]["rollout"]["traffic"])


def _model(decode: float) -> Object:
    made = judged(decode, objectives=[], canary={"steps": STEPS, "warmUp": "0s"})
    made["spec"]["replicas"] = 1
    return made


def test_a_share_is_live_at_all_routers(place: Place) -> None:
    place.apply(_model(5), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout, shares = Rollout(place), decided(place)
    with httpx.Client(timeout=2) as client, followed(shares, *(live := routers(place, client))):
        for decode in (6, 7):
            place.apply(_model(decode))
            place.wait(lambda: rollout.phase not in ("", "Promoted"), "it begins")
            rollout.comes_to("Promoted", 180)
    took = [at for moment, share in shares.changes if share for at in [_live(moment, live)] if at is not None]
    found = {"changes": len(took), "p50": median(took), "p95": percentile(took, 0.95), "most": max(took)}
    print("weights", json.dumps({key: round(value, 3) for key, value in found.items()}))
    assert len(took) > 30
    assert found["p95"] < 1.0


def _live(moment: float, live: list[Timeline]) -> float | None:
    """Seconds until the last router runs another configuration."""
    found = [line.after(moment - EVERY) for line in live]
    return max(at - moment for at in found if at is not None) if all(found) else None


def test_a_bad_revision_has_nothing_any_more(place: Place) -> None:
    """From its first error in Prometheus, which is scraped every second, until no router sends to it; the gates look every 5 s."""
    prometheus = place.prometheus()
    place.apply(judged(5), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    with (
        httpx.Client(timeout=2) as client,
        Load(place.router()).running(streams=2, tokens=20, short=8) as tally,
        followed(*(live := routers(place, client))),
    ):
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(judged(5, {"ERROR_RATE": 0.9}))
        place.wait(lambda: rollout.status.get("windows"), "it has a share")
        revision = rollout.status["revision"]
        bad = f'sum(tidegate_requests_total{{namespace="{place.name}",revision="{revision}",outcome="error"}}) > 0'
        place.cluster.wait(lambda: prometheus.query(bad), "Prometheus has seen an error", 60)
        seen = time.monotonic()
        rollout.comes_to("RolledBack")
        place.wait(lambda: all(line.after(seen) for line in live), "routers run another configuration")
    took = max(line.after(seen) or 0.0 for line in live) - seen
    print("rollback", json.dumps({"seconds": round(took, 2), "message": rollout.status["message"]}))
    assert took < 30
