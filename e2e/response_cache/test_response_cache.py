"""Promise: the same question twice through two routers, streamed or not, is answered the second time from the store, and only to whom the answer is;
what is purged is gone within a second; without the store nobody notices."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from e2e.devcluster import Cluster
from e2e.harness import API, Object, Place, engine_env, model, policy
from tidegate.brain.native import built
from tidegate.names import ROUTER_PORT

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not built(), reason="answers are kept by the native filters: make native, where cargo is"),
]
ACME, GLOBEX = "sk-acme-0123456789", "sk-globex-0123456789"
KEYS: Object = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "keys"},
    "stringData": {"acme": ACME, "globex": GLOBEX},
}
TIER: Object = {
    "apiVersion": API,
    "kind": "CacheTier",
    "metadata": {"name": "shared"},
    "spec": {
        "store": {"managed": {"memory": "64Mi"}},
        "memory": {"maxSize": "8Mi", "ttl": "10m"},
        "exact": {"ttl": "1h", "maxSize": "16Mi"},
    },
}
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Answer:
    """What a client saw."""

    source: str
    """`miss`, `hit-memory`, `hit-exact`; empty where it could not have been a hit."""
    name: str
    """By which an engine's answer is told from the next."""
    text: str


@dataclass(frozen=True)
class Front:
    """Two routers of a policy with a cache."""

    place: Place
    urls: tuple[str, str]

    def ask(
        self,
        router: int,
        question: str,
        key: str = ACME,
        *,
        stream: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One answer; it has to be whole."""
        body = {
            "model": "chat",
            "messages": [{"role": "user", "content": question}],
            "max_tokens": 200,
            "stream": stream,
        }
        named = {"x-api-key": key, **(headers or {})}
        answer = httpx.post(f"{self.urls[router]}{CHAT}", json=body, headers=named, timeout=30)
        assert answer.status_code == 200, answer.text
        read = streamed(answer.text) if stream else whole(answer.json())
        return Answer(answer.headers.get("x-tidegate-cache", ""), *read)

    def kept(self, router: int, question: str, key: str = ACME, *, stream: bool = False) -> Answer:
        """An engine's answer, once it is in this router's memory and in the store."""
        before = self.stored()
        first = self.ask(router, question, key, stream=stream)
        assert first.source == "miss"
        self.place.wait(lambda: self.stored() > before, "the store has it")
        return first

    def stored(self) -> int:
        """Answers in the store."""
        password = base64.b64decode(self.place.get("secret/shared-store")["data"]["password"]).decode()
        shell = ["exec", "shared-store-0", "--", "env", f"REDISCLI_AUTH={password}", "valkey-cli"]
        return len(self.place.kubectl(*shell, "KEYS", "*:answer:*").split())


def whole(said: Object) -> tuple[str, str]:
    """Name and text of an answer."""
    return said["id"], said["choices"][0]["message"]["content"]


def streamed(text: str) -> tuple[str, str]:
    """The same of a stream, which has its end."""
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    said = [json.loads(event) for event in events[:-1]]
    pieces = (choice["delta"].get("content") or "" for event in said for choice in event["choices"])
    return said[0]["id"], "".join(pieces)


@pytest.fixture
def front(place: Place) -> Front:
    """Two routers that keep answers together."""
    wanted = policy(replicas=2, auth={"apiKeys": {"secretRefs": [{"name": "keys"}]}})
    wanted["spec"]["routes"][0]["cache"] = {"cacheTierRef": {"name": "shared"}}
    place.apply(KEYS, TIER, model(replicas=1, engine={"env": engine_env(DECODE_MS=2)}), wanted)
    place.ready("mdep/small", "ctier/shared", "rpol/front")
    place.wait(lambda: place.condition("rpol/front", "ResponseCache").get("status") == "True", "answers are kept")
    pods = place.items("pods", "tidegate.dev/role=router")
    one, two = (place.cluster.forward_address(pod["status"]["podIP"], ROUTER_PORT) for pod in pods)
    return Front(place, (one, two))


def tidegate(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """`tidegate cache WORDS` in this namespace."""
    path = f"{Path(place.cluster.settings.kubectl).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(place.cluster.kubeconfig)}
    argv = [sys.executable, "-m", "tidegate", "cache", *words, "-n", place.name]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_second_router_answers_from_the_store_streamed_or_not(front: Front) -> None:
    plain = front.kept(0, "What is the tide?")
    for stream in (True, False):
        again = front.ask(1, "What is the tide?", stream=stream)
        assert again == Answer("hit-memory" if not stream else "hit-exact", plain.name, plain.text)
    told = front.kept(1, "And the moon?", stream=True)
    assert front.ask(0, "And the moon?") == Answer("hit-exact", told.name, told.text)
    assert front.ask(0, "And the moon?", stream=True) == Answer("hit-memory", told.name, told.text)
    assert front.ask(0, "And the moon?", headers={"x-tidegate-cache": "no-store"}).source == ""
    assert front.ask(0, "And the moon!").source == "miss"


def test_nobody_gets_another_ones_answer(front: Front) -> None:
    mine = front.kept(0, "What is in my mail?")
    for router in (0, 1):
        theirs = front.ask(router, "What is in my mail?", GLOBEX)
        assert theirs.name != mine.name
        for spoofed in ("x-tidegate-in-client", "x-tidegate-in-cache", "x-client-id"):
            assert front.ask(router, "What is in my mail?", GLOBEX, headers={spoofed: "main acme"}).name != mine.name
    assert front.ask(1, "What is in my mail?").name == mine.name


def test_what_is_purged_is_gone_within_a_second_and_nothing_else(front: Front) -> None:
    theirs = front.kept(1, "What is the tide?", GLOBEX)
    mine = front.kept(0, "What is the tide?")
    assert front.ask(1, "What is the tide?").name == mine.name
    counted = tidegate(front.place, "purge", "front", "--tenant", "acme")
    assert (counted.returncode, counted.stdout) == (
        0,
        "there: 2 in the memory of 2 routers, 1 in the store, 0 questions that are compared; --yes forgets them\n",
    ), counted
    assert front.ask(0, "What is the tide?").name == mine.name
    done = tidegate(front.place, "purge", "front", "--tenant", "acme", "--yes")
    assert done.returncode == 0, done.stderr
    for router in (0, 1):
        assert front.ask(router, "What is the tide?").name != mine.name
    assert front.ask(0, "What is the tide?", GLOBEX) == Answer("hit-exact", theirs.name, theirs.text)


def test_people_are_told(front: Front) -> None:
    front.kept(0, "What is the tide?")
    assert front.ask(1, "What is the tide?").source == "hit-exact"
    stats = tidegate(front.place, "stats", "front")
    assert "CacheTier shared: 50.0% of 2 requests were answered from it" in stats.stdout, stats
    question = ("--model", "chat", "--prompt", "What is the tide?")
    assert "an answer to it is kept" in tidegate(front.place, "explain", "front", *question, "--client", "acme").stdout
    assert tidegate(front.place, "explain", "front", *question).returncode == 1
    [use] = front.place.wait(lambda: front.place.get("ctier/shared")["status"].get("policies"), "the tier tells of it")
    assert use["name"] == "front"
    hits = "the status has the hit"
    front.place.wait(lambda: front.place.get("ctier/shared")["status"]["policies"][0].get("exactHits") == 1, hits)


def test_without_the_store_nobody_notices(front: Front, installed: Cluster) -> None:
    mine = front.kept(0, "What is the tide?")
    store = installed.container_pid(front.place.name, "shared-store-0", "valkey")
    os.kill(store, signal.SIGSTOP)  # killed, it would be back within a second
    try:
        with ThreadPoolExecutor(8) as pool:
            begin = time.monotonic()
            answers = list(pool.map(lambda n: front.ask(n % 2, f"Question {n % 10}?"), range(60)))
        assert time.monotonic() - begin < 30
        assert {answer.source for answer in answers} <= {"miss", "hit-memory"}
        assert front.ask(0, "What is the tide?") == Answer("hit-memory", mine.name, mine.text)
        front.place.wait(
            lambda: front.place.condition("rpol/front", "ResponseCache")["reason"] == "LayerIdle", "the policy says so"
        )
    finally:
        os.kill(store, signal.SIGCONT)
    front.place.wait(
        lambda: front.place.condition("rpol/front", "ResponseCache")["status"] == "True", "answers are shared again"
    )


def test_a_tier_that_is_not_there_costs_the_cache_and_no_request(front: Front) -> None:
    front.place.kubectl("delete", "ctier", "shared")
    front.place.wait(
        lambda: front.place.condition("rpol/front", "ResponseCache")["reason"] == "CacheTierNotFound",
        "the policy says so",
    )
    before = {pod["metadata"]["uid"] for pod in front.place.items("pods", "tidegate.dev/role=router")}
    front.place.ready("rpol/front")
    front.place.wait(lambda: front.ask(0, "What is the tide?").source == "", "every request is asked of an engine")
    front.place.apply(TIER)
    front.place.ready("ctier/shared", "rpol/front")
    front.place.wait(
        lambda: front.place.condition("rpol/front", "ResponseCache")["status"] == "True", "answers are kept"
    )
    front.kept(0, "What is the tide?")
    assert {pod["metadata"]["uid"] for pod in front.place.items("pods", "tidegate.dev/role=router")} == before
