"""/healthz, /readyz, /metrics and /debug/scaling of the operator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from tidegate import names

WATCHED: Final = {
    "tidegate_queue_length": "Custom resources that wait for a pass.",
    "tidegate_questions": "Questions that are asked of routers, stores and Events.",
    "tidegate_api_writes": "Writing requests to the API server so far.",
}
"""Gauges that are read when they are scraped."""


class Metrics:
    """What the operator counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("kind", "outcome")
        self._passes = Counter("tidegate_reconcile", "Passes over custom resources.", labels, registry=self.registry)
        self._seconds = Histogram(
            "tidegate_reconcile_seconds",
            "Duration of a pass.",
            ("kind",),
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self.leading = Gauge("tidegate_leader", "1 while this replica acts.", registry=self.registry)

    def watch(self, name: str, value: Callable[[], float]) -> None:
        """Where one of WATCHED is read."""
        Gauge(name, WATCHED[name], registry=self.registry).set_function(value)

    @contextmanager
    def reconcile(self, kind: str) -> Iterator[None]:
        """Times one pass and counts how it ended: `done`, or the class of its error."""
        begin = time.perf_counter()
        outcome = "done"
        try:
            yield
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            self._passes.labels(kind, outcome).inc()
            self._seconds.labels(kind).observe(time.perf_counter() - begin)


Account = Callable[[str, str], dict[str, Any] | None]
"""The last looks at a model, by namespace and name."""


async def serve(
    port: int,
    metrics: Metrics,
    healthy: Callable[[], bool],
    ready: Callable[[], bool],
    account: Account = lambda _namespace, _name: None,
) -> web.AppRunner:
    """Starts the server; the caller cleans it up. `healthy` decides about restarts, `ready` about the Pod's readiness."""

    def answer(check: Callable[[], bool]) -> Callable[[web.Request], object]:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(text="ok\n") if check() else web.Response(text="not yet\n", status=503)

        return handler

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def explain(request: web.Request) -> web.Response:
        found = account(request.match_info["namespace"], request.match_info["name"])
        return web.json_response(found or {"message": "this model is not looked at here"}, status=200 if found else 404)

    app = web.Application()
    app.router.add_get("/healthz", answer(healthy))  # type: ignore[arg-type]
    app.router.add_get("/readyz", answer(ready))  # type: ignore[arg-type]
    app.router.add_get("/metrics", scrape)
    app.router.add_get(names.SCALING_PATH + "/{namespace}/{name}", explain)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
