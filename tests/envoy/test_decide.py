"""Requests that wait for the brain's word, and those that do not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brain.decide.test_step import asking
from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.waiting import DEADLINE
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Decision
from tidegate.envoy.decide import TIMEOUT

pytestmark = pytest.mark.envoy
CHAT = "/v1/chat/completions"


class Brain:
    """A decision server in a process of its own."""

    def __init__(self, folder: Path, *, patient: bool = False) -> None:
        """`patient`: it waits longer for its store."""
        argv = [sys.executable, "-m", "tests.envoy.decider", str(folder), *(["patient"] if patient else [])]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def follow(self, wanted: RouterConfig, *engines: str, **more: Any) -> None:
        """Waits until it does."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"config": wanted.text(), "engines": engines, **more}) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "follows\n"

    def hang(self) -> None:
        """Says nothing more."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After it hung."""
        self._process.send_signal(signal.SIGCONT)

    def die(self) -> None:
        """At once, as kill -9."""
        self._process.kill()
        self._process.wait(DEADLINE)

    def stop(self) -> None:
        """Ends it."""
        self.die()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


@pytest.fixture
def brain(tmp_path: Path) -> Iterator[Brain]:
    """One that lives."""
    made = Brain(tmp_path)
    yield made
    made.stop()


def ask(envoy: RealEnvoy, model: str, **more: Any) -> tuple[int, str]:
    """Status, and the backend that answered."""
    answer = envoy.client.post(CHAT, json={"model": model}, **more)
    return answer.status_code, answer.headers.get("x-tidegate-backend", "")


def reading_bodies(wanted: RouterConfig) -> RouterConfig:
    """The same, with decisions that need the body."""
    last = wanted.routes[-1]
    assert last.decision
    whole = last.model_copy(update={"decision": Decision(among=last.decision.among, reads_body=True)})
    return wanted.model_copy(update={"routes": (*wanted.routes[:-1], whole)})


@pytest.mark.parametrize("bodies", [False, True])
def test_the_brain_chooses_the_route(envoy: RealEnvoy, engines: Engines, brain: Brain, bodies: bool) -> None:
    small, large = engines.start(), engines.start()
    wanted = asking("to-large", "to-chat")
    wanted = reading_bodies(wanted) if bodies else wanted
    envoy.offer(wanted, {"a": [small], "b": [large]})
    brain.follow(wanted, "a", "b")
    assert ask(envoy, "auto") == (200, "b")
    assert large.bodies == [b'{"model":"served-b"}']
    brain.follow(wanted, "a")
    assert ask(envoy, "auto") == (200, "a")
    assert ask(envoy, "auto", headers={"x-tidegate-in-route": "to-large"}) == (200, "a"), "nobody else decides"
    assert ask(envoy, "chat") == (200, "a")


@pytest.mark.parametrize("end", [Brain.die, Brain.hang])
def test_a_brain_is_missed_where_it_is_needed_alone(
    envoy: RealEnvoy, engines: Engines, brain: Brain, end: Callable[[Brain], None]
) -> None:
    wanted = asking("to-chat")
    envoy.offer(wanted, {"a": [engines.start()], "b": []})
    brain.follow(wanted, "a")
    assert ask(envoy, "auto") == (200, "a")
    end(brain)
    begin = time.monotonic()
    refused = envoy.client.post(CHAT, json={"model": "auto"})
    assert time.monotonic() - begin < 10 * TIMEOUT, "nobody waits until it goes on"
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json()["error"]["message"] == "The router could not decide who answers; try again."
    assert ask(envoy, "chat") == (200, "a")


def test_a_brain_that_does_not_know_the_route_yet_says_so(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    envoy.offer(asking("to-chat"), {"a": [engines.start()], "b": []})
    brain.follow(config({"chat": {"a": 1}}))
    refused = envoy.client.post(CHAT, json={"model": "auto"})
    assert refused.status_code == 503


def test_a_route_that_envoy_does_not_have_is_no_loop(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    envoy.offer(asking("to-chat"), {"a": [engines.start()], "b": []})
    brain.follow(asking("to-nowhere"))
    assert ask(envoy, "auto")[0] == 503
