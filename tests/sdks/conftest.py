"""One router, as `tidegate route` starts it, in front of engines that do well and engines that do not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.envoy.waiting import until
from tests.sdks import scripted
from tests.sdks.scripted import Cast, Scripted
from tests.support.ports import free_port
from tidegate.brain.native import built

KEY: Final = "sk-acme"
HASTY: Final = "sk-hasty"
POOR: Final = "sk-poor"
PATIENCE: Final = 3
"""Seconds that the policy gives an answer."""
WINDOW: Final = 2
"""Seconds in which the hasty client may ask once."""
SCRIPTS: Final = {
    "fails": scripted.fails,
    "hangs": scripted.hangs,
    "breaks-off": scripted.breaks_off,
    "goes-on": scripted.goes_on,
    "calls": scripted.calls,
}


@dataclass(frozen=True)
class Router:
    """Where clients are told to go."""

    url: str
    engines: dict[str, Scripted]
    """By the public name of their model."""


def _route(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "models": [name], "to": {"backends": [{"name": name}]}, **more}


KEPT: Final = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "CacheTier",
    "metadata": {"name": "kept"},
    "spec": {"memory": {"maxSize": "8Mi", "ttl": "10m"}},
}


def _kept(name: str) -> dict[str, Any]:
    """A route to the same engine, whose answers are given again."""
    kept = {"name": f"kept-{name}", "models": [f"kept-{name}"], "cache": {"cacheTierRef": {"name": "kept"}}}
    return _route(name) | kept


def policy() -> dict[str, Any]:
    """A model for each engine, by its name; `moved` is one whose own engine is gone, `kept-` before a name has a cache."""
    names = ["chat", "embed", "moved", *SCRIPTS]
    keys = {"secretRefs": [{"name": "keys"}]}
    rate = {"name": "rate", "per": "Client", "requests": 10**6, "window": f"{WINDOW}s"}
    tokens = {"name": "tokens", "per": "Client", "tokens": 10**9, "window": "1h"}
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "RoutingPolicy",
        "metadata": {"name": "front"},
        "spec": {
            "auth": {"apiKeys": keys},
            "backends": [{"name": name, "modelDeploymentRef": {"name": name}} for name in names],
            "routes": [
                *(_route(name) for name in names if name != "moved"),
                _route("moved", fallback={"backends": [{"name": "chat"}]}),
                *(_kept(name) for name in ("chat", "calls")),
            ],
            "timeouts": {"request": f"{PATIENCE}s"},
            "limits": [
                {**rate, "overrides": [{"clients": ["hasty"], "requests": 1}]},
                {**tokens, "overrides": [{"clients": ["poor"], "tokens": 20}]},
            ],
        },
    }


@contextmanager
def _running(argv: list[str], log: Path) -> Iterator[None]:
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *argv], stdout=said, stderr=said, env={**os.environ, "ENGINE_SIM_LOAD_SECONDS": "0"}
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def _answers(url: str, path: str) -> Callable[[], bool]:
    def asked() -> bool:
        try:
            return httpx.get(f"{url}{path}", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    return asked


@pytest.fixture(scope="package")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """For all tests here."""
    if not built():
        pytest.skip("without Rust")
    folder = tmp_path_factory.mktemp("sdks")
    file, log = folder / "policy.yaml", folder / "log"
    file.write_text(yaml.safe_dump_all([policy(), KEPT]))
    (folder / "keys").mkdir()
    for client, key in {"acme": KEY, "hasty": HASTY, "poor": POOR}.items():
        (folder / "keys" / client).write_text(key)
    with ExitStack() as stack:
        cast = Cast()
        stack.callback(cast.stop)
        engines = {name: cast.engine(does) for name, does in SCRIPTS.items()}
        chat, embed, listen = free_port(), free_port(), free_port()
        simulated = ["e2e.engine_sim", "serve", "acme/tiny", "--host", "127.0.0.1", "--max-model-len", "2048"]
        stack.enter_context(_running([*simulated, "--port", str(chat)], log))
        stack.enter_context(_running([*simulated, "--port", str(embed), "--runner", "pooling"], log))
        urls = {"chat": f"http://127.0.0.1:{chat}", "embed": f"http://127.0.0.1:{embed}"}
        for url in urls.values():
            until(_answers(url, "/v1/models"))
        urls |= {"moved": f"http://127.0.0.1:{free_port()}"} | {name: engine.url for name, engine in engines.items()}
        where = [f"--endpoint={name}={url}" for name, url in urls.items()]
        argv = [
            "tidegate",
            "route",
            str(file),
            *where,
            f"--secret=keys={folder / 'keys'}",
            f"--listen=127.0.0.1:{listen}",
        ]
        stack.enter_context(_running(argv, log))
        url = f"http://127.0.0.1:{listen}"
        try:
            until(_answers(url, "/healthz"), 120)
        except AssertionError as error:
            raise AssertionError(log.read_text()[-2000:]) from error
        yield Router(url, engines)
