"""`tidegate route`: one whose model is down is answered by a provider, with a key from a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.local.test_route import CHAT, until
from tests.envoy.conftest import Engine, Engines
from tests.support.authority import Authority
from tests.support.ports import free_port
from tidegate.brain.native import built

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="without Rust")]
Run = Callable[..., str]


def policy(hosted: Engine) -> dict[str, Any]:
    external = {
        "protocol": "OpenAI",
        "baseURL": f"https://localhost:{hosted.port}/v1",
        "model": "big",
        "apiKeySecretRef": {"name": "openai", "key": "token"},
        "caSecretRef": {"name": "ca", "key": "ca.crt"},
    }
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "RoutingPolicy",
        "metadata": {"name": "chat"},
        "spec": {
            "auth": {"apiKeys": {"secretRefs": [{"name": "keys"}]}},
            "backends": [
                {"name": "small", "modelDeploymentRef": {"name": "small"}},
                {"name": "hosted", "external": external},
            ],
            "routes": [
                {
                    "name": "chat",
                    "models": ["chat"],
                    "to": {"backends": [{"name": "small"}]},
                    "fallback": {
                        "backends": [{"name": "hosted"}],
                        "response": {"status": 503, "message": "Nobody is there."},
                    },
                }
            ],
        },
    }


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Starts a router and returns its URL; what it says is in `log` in the folder."""
    running: list[subprocess.Popen[bytes]] = []
    log = (tmp_path / "log").open("ab")

    def start(*more: str) -> str:
        port = free_port()
        argv = ["tidegate", "route", str(tmp_path / "policy.yaml"), *more, "--listen", f"127.0.0.1:{port}"]
        environment = {**os.environ, "CLIENT_KEY": "sk-client"}
        running.append(subprocess.Popen([sys.executable, "-m", *argv], stdout=log, stderr=log, env=environment))
        return f"http://127.0.0.1:{port}"

    yield start
    for process in running:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    log.close()


def test_the_next_answers(tmp_path: Path, run: Run, engines: Engines) -> None:
    authority = Authority(tmp_path / "ca")
    hosted, small = engines.start(authority.server("DNS:localhost")), free_port()
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy(hosted)))
    (tmp_path / "token").write_text("sk-provider\n")
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    url = run(
        "--endpoint", f"small=http://127.0.0.1:{small}", "--secret", f"openai/token={tmp_path / 'token'}",
        "--secret", f"ca/ca.crt={tmp_path / 'ca.crt'}", "--secret", "keys/acme=env:CLIENT_KEY",
    )  # fmt: skip

    def ask(key: str = "sk-client") -> httpx.Response:
        return httpx.post(
            f"{url}/v1/chat/completions", json=CHAT, timeout=10, headers={"authorization": f"Bearer {key}"}
        )

    until(lambda: ask().status_code == 200, "the provider answers for the model that is down")
    assert ask().headers["x-tidegate-backend"] == "hosted"
    assert ask("sk-stranger").status_code == 401
    assert hosted.headers[-1]["authorization"] == "Bearer sk-provider"
    assert b'"model": "big"' in hosted.bodies[-1] or b'"model":"big"' in hosted.bodies[-1]
    (tmp_path / "token").write_text("sk-other\n")
    until(lambda: ask() and hosted.headers[-1]["authorization"] == "Bearer sk-other", "another key counts")
    (tmp_path / "token").write_text("two words")
    until(lambda: ask().status_code == 503, "a provider without a key is asked no more")
    assert ask().json()["error"]["message"] == "Nobody is there."
    said = (tmp_path / "log").read_text()
    assert "Secret 'openai': entry 'token' has other characters" in said
    assert not [key for key in ("sk-provider", "sk-other", "two words", "sk-client", "sk-stranger") if key in said]
