"""`tidegate route` with a real Envoy and an engine that looks like vLLM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
import yaml

from tests.brain.store.conftest import PASSWORD, Valkey, valkey
from tests.support.builders import cached, owner, policy
from tests.support.ports import free_port
from tidegate.brain.native import built
from tidegate.names import CACHE_TIER

__all__ = ["valkey"]
pytestmark = pytest.mark.envoy
CHAT = {"model": "chat", "max_tokens": 2, "messages": [{"role": "user", "content": "Hi"}]}


def until(holds: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if holds():
                return
        time.sleep(0.05)
    raise TimeoutError(what)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts processes that end with the test; what they say is in `log` in the folder."""
    running: list[subprocess.Popen[bytes]] = []
    log: IO[bytes] = (tmp_path / "log").open("ab")

    def start(*argv: str) -> subprocess.Popen[bytes]:
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", *argv],
                stdout=log,
                stderr=log,
                env={**os.environ, "ENGINE_SIM_LOAD_SECONDS": "0"},
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        process.wait(20)
    log.close()


def test_route(tmp_path: Path, started: Callable[..., subprocess.Popen[bytes]]) -> None:
    engine, port, file, log = free_port(), free_port(), tmp_path / "policy.yaml", tmp_path / "log"
    file.write_text(yaml.safe_dump(policy("chat")))
    router = started(
        "tidegate",
        "route",
        str(file),
        "--endpoint",
        f"to-llama=http://127.0.0.1:{engine}",
        "--listen",
        f"127.0.0.1:{port}",
    )
    url = f"http://127.0.0.1:{port}"

    def ask(model: str = "chat") -> int:
        return httpx.post(f"{url}/v1/chat/completions", json=CHAT | {"model": model}, timeout=10).status_code

    until(lambda: ask() == 503, "nobody answers yet")
    assert "does not list its models yet" in log.read_text()
    started("e2e.engine_sim", "serve", "acme/tiny", "--port", str(engine), "--served-model-name", "org/tiny")
    until(lambda: ask() == 200, "the engine is called by its own name")
    assert ask("other") == 404
    changed = policy("chat")
    changed["spec"]["routes"][0]["models"].append("other")
    file.write_text(yaml.safe_dump(changed))
    until(lambda: ask("other") == 200, "the file was read again")
    file.write_text("spec: {")
    until(lambda: "not YAML" in log.read_text(), "it says what is wrong")
    assert ask("other") == 200, "the last good configuration stays"
    until(lambda: "other -> to-llama" in log.read_text(), "requests are told of")
    router.send_signal(signal.SIGINT)
    assert router.wait(20) == 0


def test_limits_are_counted_here(tmp_path: Path, started: Callable[..., subprocess.Popen[bytes]]) -> None:
    engine, port, file, log = free_port(), free_port(), tmp_path / "policy.yaml", tmp_path / "log"
    limits = [{"name": "three", "per": "Address", "requests": 3, "window": "1h"}]
    file.write_text(yaml.safe_dump(policy("chat", limits=limits, storeRef={"name": "shared"})))
    started("e2e.engine_sim", "serve", "acme/tiny", "--port", str(engine), "--served-model-name", "org/tiny")
    until(lambda: httpx.get(f"http://127.0.0.1:{engine}/v1/models").status_code == 200, "the engine answers")
    where = ("--endpoint", f"to-llama=http://127.0.0.1:{engine}", "--listen", f"127.0.0.1:{port}")
    started("tidegate", "route", str(file), *where)
    until(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200, "the router answers")
    said = [httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=CHAT, timeout=10) for _ in range(4)]
    assert [answer.status_code for answer in said] == [200, 200, 200, 429]
    assert said[0].headers["x-ratelimit-remaining-requests"] == "2"
    assert (
        "storeRef shared: there is no store of that name without a cluster; limits are counted here" in log.read_text()
    )


@pytest.mark.skipif(not built(), reason="answers are kept by the native filters")
def test_answers_are_given_again(tmp_path: Path, started: Callable[..., subprocess.Popen[bytes]]) -> None:
    engine, port, file = free_port(), free_port(), tmp_path / "policy.yaml"
    tier = owner(CACHE_TIER, "shared", {"memory": {}, "sharing": "Policy"})
    file.write_text(yaml.safe_dump_all([cached(policy("chat")), tier]))
    started("e2e.engine_sim", "serve", "acme/tiny", "--port", str(engine), "--served-model-name", "org/tiny")
    until(lambda: httpx.get(f"http://127.0.0.1:{engine}/v1/models").status_code == 200, "the engine answers")
    where = ("--endpoint", f"to-llama=http://127.0.0.1:{engine}", "--listen", f"127.0.0.1:{port}")
    started("tidegate", "route", str(file), *where)
    until(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200, "the router answers")
    whole = CHAT | {"max_tokens": 200}
    said = [httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=whole, timeout=20) for _ in range(2)]
    assert [answer.headers.get("x-tidegate-cache") for answer in said] == ["miss", "hit-memory"]
    assert said[0].json()["choices"] == said[1].json()["choices"]


@pytest.mark.skipif(not built(), reason="answers are kept by the native filters")
def test_a_store_of_yours_is_asked(
    tmp_path: Path, valkey: Valkey, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    engine, ports, file = free_port(), (free_port(), free_port()), tmp_path / "policy.yaml"
    store = {"existing": {"urlSecretRef": {"name": "redis", "key": "url"}}}
    tier = owner(CACHE_TIER, "shared", {"store": store, "exact": {}, "sharing": "Policy"})
    file.write_text(yaml.safe_dump_all([cached(policy("chat")), tier]))
    (tmp_path / "url").write_text(f"redis://:{PASSWORD}@127.0.0.1:{valkey.where.port}")
    started("e2e.engine_sim", "serve", "acme/tiny", "--port", str(engine), "--served-model-name", "org/tiny")
    until(lambda: httpx.get(f"http://127.0.0.1:{engine}/v1/models").status_code == 200, "the engine answers")
    where = ("--secret", f"redis/url={tmp_path / 'url'}", "--endpoint", f"to-llama=http://127.0.0.1:{engine}")
    for port in ports:
        started("tidegate", "route", str(file), *where, "--listen", f"127.0.0.1:{port}")
    asked = [f"http://127.0.0.1:{port}/v1/chat/completions" for port in ports]

    def hit(url: str) -> bool:
        answer = httpx.post(url, json=CHAT | {"max_tokens": 200}, timeout=20)
        return bool(answer.headers["x-tidegate-cache"] == "hit-exact")

    for url in asked:
        until(partial(hit, url), "the store gives an answer again")


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_who_is_killed_leaves_no_envoy(tmp_path: Path, started: Callable[..., subprocess.Popen[bytes]]) -> None:
    port, file = free_port(), tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(policy("chat")))
    router = started(
        "tidegate", "route", str(file), "--endpoint", "to-llama=http://127.0.0.1:1", "--listen", f"127.0.0.1:{port}"
    )

    def listens() -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", port)) == 0

    until(listens, "the router is there")
    router.kill()
    until(lambda: not listens(), "its Envoy has ended, too")


def test_a_port_that_another_one_has(tmp_path: Path, started: Callable[..., subprocess.Popen[bytes]]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(policy("chat")))
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        second = started("tidegate", "route", str(file), "--listen", f"127.0.0.1:{other.getsockname()[1]}")
        assert second.wait(30) == 1
    assert "another program listens on 127.0.0.1:" in (tmp_path / "log").read_text()


def test_wrong(tmp_path: Path, started: Callable[..., subprocess.Popen[bytes]]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(policy("chat")))
    assert started("tidegate", "route", str(file), "--endpoint", "nonsense").wait(60) == 1
    assert started("tidegate", "route", str(file), "--endpoint", "x=http://127.0.0.1:1").wait(60) == 1
    assert started("tidegate", "route", str(tmp_path / "none.yaml"), "--endpoint", "x=http://127.0.0.1:1").wait(60) == 2
