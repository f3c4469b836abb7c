"""Promise: the same question twice through two routers, streamed or not, is answered the second time from the store, and only to whom the answer is;
what is purged is gone within a second; without the store nobody notices."""

from __future__ import annotations

import base64
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from e2e.clients import ACME, GLOBEX, KEYS
from e2e.devcluster import Cluster
from e2e.harness import API, Object, Place, engine_env, model, policy
from tidegate.brain.native import built
from tidegate.names import BRAIN_PORT, ROUTER_PORT

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not built(), reason="answers are kept by the native filters: make native, where cargo is"),
]
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
_numbers = itertools.count(1)
CHAT = "/v1/chat/completions"
MESSAGES, RESPONSES = "/v1/messages", "/v1/responses"


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
        self.place.wait(partial(self.has_more_than, before), "the store has it")
        return first

    def shared(self, router: int, *, stream: bool = False) -> tuple[str, Answer]:
        """A question, and its answer by this router's engine, which the other one has given again from the store. A store that takes more than
        50 ms costs a miss, which a busy machine may make it do: another question is asked then."""
        for _ in range(10):
            question = f"What is tide {next(_numbers)}?"
            first = self.kept(router, question, stream=stream)
            again = self.ask(1 - router, question, stream=not stream)
            if again.source == "hit-exact":
                assert (again.name, again.text) == (first.name, first.text)
                return question, first
            assert again.source == "miss"
        raise AssertionError("the store gave none of ten answers")

    def has_more_than(self, before: int) -> bool:
        """Whether answers have come into the store."""
        return self.stored() > before

    def stored(self) -> int:
        """Answers in the store."""
        password = base64.b64decode(self.place.get("secret/shared-store")["data"]["password"]).decode()
        shell = ["exec", "shared-store-0", "--", "env", f"REDISCLI_AUTH={password}", "valkey-cli"]
        return len(self.place.kubectl(*shell, "KEYS", "*:answer:*").split())


def named(front: Front, router: int, path: str, question: str, *, stream: bool = False) -> tuple[str, str]:
    """From where an answer in another API than chat's is, and its name."""
    turns = [{"role": "user", "content": question}]
    said: Object = {"messages": turns, "max_tokens": 200} if path == MESSAGES else {"input": question}
    body = {"model": "chat", "stream": stream, **said}
    answer = httpx.post(f"{front.urls[router]}{path}", json=body, headers={"x-api-key": ACME}, timeout=30)
    assert answer.status_code == 200, answer.text
    if not stream:
        return answer.headers["x-tidegate-cache"], answer.json()["id"]
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1]["type"] == ("message_stop" if path == MESSAGES else "response.completed")
    return answer.headers["x-tidegate-cache"], (events[0].get("message") or events[0]["response"])["id"]


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


@pytest.fixture(scope="module")
def front(shared_place: Place) -> Front:
    """Two routers that keep answers together, for all tests: each asks what no other one does."""
    place = shared_place
    wanted = policy(replicas=2, auth={"apiKeys": {"secretRefs": [{"name": "keys"}]}})
    wanted["spec"]["routes"][0]["cache"] = {"cacheTierRef": {"name": "shared"}}
    place.apply(KEYS, TIER, model(replicas=1, engine={"env": engine_env(DECODE_MS=2)}), wanted)
    place.ready("mdep/small", "ctier/shared", "rpol/front")
    place.router()
    one, two = connected(place)
    return Front(
        place, (place.cluster.forward_address(one, ROUTER_PORT), place.cluster.forward_address(two, ROUTER_PORT))
    )


def connected(place: Place) -> list[str]:
    """Waits until every router keeps answers in the store; their addresses."""
    place.wait(lambda: place.condition("rpol/front", "ResponseCache").get("status") == "True", "answers are kept")
    routers = [pod["status"]["podIP"] for pod in place.items("pods", "tidegate.dev/role=router")]
    for address in routers:
        place.wait(partial(_connected, place.cluster.forward_address(address, BRAIN_PORT)), "the router has its store")
    return routers


def _connected(brain: str) -> bool:
    told = httpx.get(f"{brain}/metrics", timeout=30).text
    return any(line.startswith("tidegate_cache_store_shared{") and line.endswith(" 1.0") for line in told.splitlines())


def tidegate(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """`tidegate cache WORDS` in this namespace."""
    path = f"{Path(place.cluster.settings.kubectl).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(place.cluster.kubeconfig)}
    argv = [sys.executable, "-m", "tidegate", "cache", *words, "-n", place.name]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_second_router_answers_from_the_store_streamed_or_not(front: Front) -> None:
    for router, stream in ((0, False), (1, True)):
        question, first = front.shared(router, stream=stream)
        for asked, streams in ((0, True), (0, False), (1, True), (1, False)):
            assert front.ask(asked, question, stream=streams) == Answer("hit-memory", first.name, first.text)
    assert front.ask(0, question, headers={"x-tidegate-cache": "no-store"}).source == ""
    front.kept(0, f"{question}?")


@pytest.mark.parametrize("path", [MESSAGES, RESPONSES])
def test_so_it_does_in_other_apis(front: Front, path: str) -> None:
    for _ in range(10):  # as `shared` has it
        question, before = f"What is tide {next(_numbers)}?", front.stored()
        source, name = named(front, 0, path, question)
        assert source == "miss"
        front.place.wait(partial(front.has_more_than, before), "the store has it")
        again = named(front, 1, path, question, stream=True)
        if again == ("hit-exact", name):
            break
        assert again[0] == "miss"
    else:
        raise AssertionError("the store gave none of ten answers")
    for router, stream in ((0, True), (0, False), (1, False)):
        assert named(front, router, path, question, stream=stream) == ("hit-memory", name)


def test_nobody_gets_another_ones_answer(front: Front) -> None:
    mine = front.kept(0, "What is in my mail?")
    for router in (0, 1):
        theirs = front.ask(router, "What is in my mail?", GLOBEX)
        assert theirs.name != mine.name
        for spoofed in ("x-tidegate-in-client", "x-tidegate-in-cache", "x-client-id"):
            assert front.ask(router, "What is in my mail?", GLOBEX, headers={spoofed: "main acme"}).name != mine.name
    assert front.ask(0, "What is in my mail?") == Answer("hit-memory", mine.name, mine.text)


def test_what_is_purged_is_gone_within_a_second_and_nothing_else(front: Front) -> None:
    question, mine = front.shared(0)
    theirs = front.kept(1, question, GLOBEX)
    counted = tidegate(front.place, "purge", "front", "--tenant", "acme", "--prompt", question)
    said = "there: 2 in the memory of 2 routers, 1 in the store, 0 questions that are compared; --yes forgets them\n"
    assert (counted.returncode, counted.stdout) == (0, said), counted
    assert front.ask(0, question).name == mine.name
    done = tidegate(front.place, "purge", "front", "--tenant", "acme", "--yes")
    assert done.returncode == 0, done.stderr
    for router in (0, 1):
        assert front.ask(router, question).name != mine.name
    assert front.ask(1, question, GLOBEX) == Answer("hit-memory", theirs.name, theirs.text)


def test_people_are_told(front: Front) -> None:
    before = used(front.place).get("exactHits", 0)
    question, _ = front.shared(0)
    stats = tidegate(front.place, "stats", "front")
    assert "requests were answered from it" in stats.stdout, stats
    asked = ("--model", "chat", "--prompt", question)
    assert "an answer to it is kept" in tidegate(front.place, "explain", "front", *asked, "--client", "acme").stdout
    assert tidegate(front.place, "explain", "front", *asked).returncode == 1
    front.place.wait(lambda: used(front.place).get("exactHits", 0) > before, "the tier's status has the hit")
    assert used(front.place)["name"] == "front"


def used(place: Place) -> Object:
    """What the tier's status says of its one policy."""
    return next(iter(place.get("ctier/shared")["status"].get("policies", [])), {})


def test_without_the_store_nobody_notices(front: Front, installed: Cluster) -> None:
    mine = front.kept(0, "What is the tide without a store?")
    store = installed.container_pid(front.place.name, "shared-store-0", "valkey")
    os.kill(store, signal.SIGSTOP)  # killed, it would be back within a second
    try:
        with ThreadPoolExecutor(8) as pool:
            begin = time.monotonic()
            answers = list(pool.map(lambda n: front.ask(n % 2, f"Question {n % 10}?"), range(60)))
        assert time.monotonic() - begin < 30
        assert {answer.source for answer in answers} <= {"miss", "hit-memory"}
        assert front.ask(0, "What is the tide without a store?") == Answer("hit-memory", mine.name, mine.text)
        front.place.wait(
            lambda: front.place.condition("rpol/front", "ResponseCache")["reason"] == "LayerIdle", "the policy says so"
        )
    finally:
        with suppress(ProcessLookupError):  # a busy machine took longer than its liveness probe waits
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
    connected(front.place)
    front.kept(0, "What is the tide?")
    assert {pod["metadata"]["uid"] for pod in front.place.items("pods", "tidegate.dev/role=router")} == before
