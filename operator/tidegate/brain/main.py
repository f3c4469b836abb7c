"""The `tidegate brain` command: its watches, one loop and a small server, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tidegate.brain.admin import Admin
from tidegate.brain.apiserver import ApiServer, NotInPod
from tidegate.brain.certificate import unusable
from tidegate.brain.own import Own
from tidegate.brain.router import Router
from tidegate.brain.secrets import Secrets
from tidegate.brain.server import Server
from tidegate.brain.sockets import listening
from tidegate.brain.watch import follow
from tidegate.brain.xds import Files
from tidegate.envoy.start import Start
from tidegate.names import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    REVISION_LABEL,
    ROLE_ENGINE,
    ROLE_LABEL,
)

log = logging.getLogger("tidegate.brain")

ENGINES = f"{MANAGED_BY_LABEL}={MANAGED_BY},{ROLE_LABEL}={ROLE_ENGINE},{REVISION_LABEL}"
"""EndpointSlices carry the labels of their Service: those of revisions, and not a model's stable one, whose name may be that of
another model's revision."""


@dataclass(frozen=True)
class Post:
    """Where a brain stands: the policy that it serves, and the Envoy beside it."""

    namespace: str
    config_map: str
    port: int
    """Of probes, status and metrics."""
    drain_seconds: float
    drain_key: str
    envoy: Start
    own: Own | None = None
    """The engine in whose Pod it is; None where routers have Pods of their own."""


async def run(post: Post) -> None:
    """Runs until SIGTERM, or until a part ends (which none does but by a defect)."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    run_dir = Path(post.envoy.run_dir)
    admin = Admin(run_dir / "admin.sock")
    router = Router(post.config_map, Files(post.envoy), admin, own=post.own)
    if router.files.begun():
        router.started.set()
    elif wrong := unusable(post.envoy.certificate):
        raise SystemExit(
            f"the certificate's Secret {wrong}"
        )  # nobody could speak to this Pod: the ones of before go on
    server = await Server(router, admin, post.drain_seconds, post.drain_key).start(post.port)
    api = _connect()
    try:
        async with listening(router, run_dir):
            await _until(stop, api, post.namespace, router)
    finally:
        await server.cleanup()
        await admin.close()
        await api.close()


async def _until(stop: asyncio.Event, api: ApiServer, namespace: str, router: Router) -> None:
    one = {"fieldSelector": f"metadata.name={router.config_map}"}
    configs = f"/api/v1/namespaces/{namespace}/configmaps"
    secrets = Secrets(api, namespace, router.trust.changed, router.trust.forgotten)
    router.watch = secrets.name
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    engines = [] if router.own else [follow(api, slices, {"labelSelector": ENGINES}, router.engines_changed)]
    parts = [
        asyncio.create_task(part)
        for part in (
            stop.wait(),
            follow(api, configs, one, router.config_changed),
            *engines,
            secrets.run(),
            router.trust.issuers.run(),
            router.limits.run(),
            router.caches.run(),
            router.run(),
            router.presence.run(),
            router.loads.run(),
        )
    ]
    done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    for part in parts:
        part.cancel()
    await asyncio.gather(*parts, return_exceptions=True)
    for part in done:
        part.result()


def _connect() -> ApiServer:
    try:
        return ApiServer.of_pod(os.environ)
    except NotInPod as error:
        raise SystemExit(str(error)) from error
