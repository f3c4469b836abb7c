"""Promise: a limit holds to the request over all routers of a policy; whoever is over it is told when to come again, and nobody else notices;
without the brain requests pass or are refused, as the policy says; without the store each router lets through its part."""

from __future__ import annotations

import base64
import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest

from e2e.clients import ACME, GLOBEX, KEYS
from e2e.devcluster import Cluster
from e2e.harness import API, Object, Place, engine_env, model, policy
from tidegate.brain.native import built
from tidegate.names import ROUTER_PORT

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not built(), reason="clients are told apart by the native filters: make native, where cargo is"),
]

TIER: Object = {
    "apiVersion": API,
    "kind": "CacheTier",
    "metadata": {"name": "shared"},
    "spec": {"store": {"managed": {"memory": "64Mi"}}},
}
AUTH: Object = {"apiKeys": {"secretRefs": [{"name": "keys"}]}}
CHAT = "/v1/chat/completions"
_numbers = itertools.count(1)


def limited(*limits: Object, **spec: Any) -> Object:
    """The spec of a policy of two routers that count together."""
    return {"replicas": 2, "auth": AUTH, "limits": list(limits), "storeRef": {"name": "shared"}} | spec


def requests(amount: int, window: str = "1h", **more: Any) -> Object:
    """A limit for each client."""
    return {"name": "rps", "per": "Client", "requests": amount, "window": window, **more}


def tokens(amount: int, window: str = "1h", **more: Any) -> Object:
    """A limit for each client."""
    return {"name": "tokens", "per": "Client", "tokens": amount, "window": window, **more}


@dataclass(frozen=True)
class Front:
    """A test's own policy, before the model that all tests share."""

    place: Place
    name: str

    def apply(self, spec: Object) -> None:
        """Makes it, or changes it."""
        self.place.apply(policy(self.name, **spec))

    def condition(self, kind: str) -> Object:
        """Of its status."""
        return self.place.condition(f"rpol/{self.name}", kind)

    def routers(self, spec: Object) -> list[str]:
        """Addresses of its routers, once it is live and its store answers."""
        self.apply(spec)
        self.place.ready(f"rpol/{self.name}")
        self.wait(lambda: self.condition("LimitsShared").get("status") == "True", "routers count together")
        return self.urls()

    def urls(self) -> list[str]:
        """Addresses of its two routers."""
        pods = self.pods()
        assert len(pods) == 2
        return [self.place.cluster.forward_address(pod["status"]["podIP"], ROUTER_PORT) for pod in pods]

    def pods(self) -> list[Object]:
        """Its routers' Pods."""
        return self.place.items("pods", f"tidegate.dev/policy={self.name}")

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Place.wait."""
        return self.place.wait(condition, what)


@pytest.fixture(scope="module")
def engines(shared_place: Place) -> Place:
    """A model, clients and a store."""
    shared_place.apply(KEYS, TIER, model(replicas=1, engine={"env": engine_env(DECODE_MS=5)}))
    shared_place.ready("mdep/small", "ctier/shared")
    return shared_place


@pytest.fixture
def front(engines: Place) -> Iterator[Front]:
    """No policy yet. It goes in the background, and what it counted stays: under another name than the next one's."""
    made = Front(engines, f"front{next(_numbers)}")
    yield made
    engines.kubectl("delete", "rpol", made.name, "--ignore-not-found", "--wait=false")


def ask(url: str, key: str = ACME, most: int = 1, headers: dict[str, str] | None = None) -> httpx.Response:
    """One answer."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "hello"}], "max_tokens": most, "ignore_eos": True}
    return httpx.post(f"{url}{CHAT}", json=body, headers={"x-api-key": key, **(headers or {})}, timeout=20)


def many(urls: list[str], count: int, **more: Any) -> Counter[int]:
    """Statuses of so many requests, 8 at a time, over all routers in turn: Envoy lets pass whom its brain says nothing about for half a second."""
    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(lambda n: ask(urls[n % len(urls)], **more).status_code, range(count)))


def test_a_limit_holds_to_the_request_over_two_routers_and_nobody_else_notices(front: Front) -> None:
    urls = front.routers(limited(requests(50), {"name": "all", "per": "Policy", "requests": 1000, "window": "1m"}))
    assert many(urls, 120) == {200: 50, 429: 70}
    for url in urls:
        refused = ask(url)
        assert (refused.status_code, refused.json()["error"]["type"]) == (429, "requests")
        assert int(refused.headers["retry-after"]) > 3000
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        for spoofed in ("x-tidegate-in-client", "x-tidegate-in-ask", "x-tidegate-in-reserved", "x-client-id"):
            assert ask(url, headers={spoofed: "5 1 1 0 127.0.0.1 globex"}).status_code == 429, spoofed
        assert ask(url, headers={"authorization": f"Bearer {GLOBEX}"}).status_code == 401, "two keys are none"
    assert many(urls, 40, key=GLOBEX) == {200: 40}, "nobody else notices"
    # the number that is told is of the limit that has least left: 100 of 1,000 were used of the other one
    assert ask(urls[0], key=GLOBEX).headers["x-ratelimit-remaining-requests"] == "9"
    metrics = "".join(scraped(front.place, pod) for pod in front.pods())
    told = [line for line in metrics.splitlines() if line.startswith("tidegate_limited_requests_total")]
    assert sum(float(line.split()[-1]) for line in told if 'limit="rps"' in line) == 70 + 2 * 5
    assert len(told) == 4, "as many series as limits, of each router"
    assert 'outcome="shed"' in metrics


def scraped(place: Place, pod: Object) -> str:
    """What one router tells Prometheus."""
    url = place.cluster.forward_address(pod["status"]["podIP"], 9092)
    place.wait(lambda: 'outcome="shed"' in httpx.get(f"{url}/metrics", timeout=5).text, "records have come")
    return httpx.get(f"{url}/metrics", timeout=5).text


def test_routers_read_the_stores_secret_and_no_other(front: Front) -> None:
    front.routers(limited(requests(5)))
    account = f"--as=system:serviceaccount:{front.place.name}:{front.name}-router"
    for what, answer in (
        ("secrets/keys", "yes"),
        ("secrets/shared-store", "yes"),
        ("secrets/other", "no"),
        ("secrets", "no"),
    ):
        assert front.place.kubectl("auth", "can-i", "list", what, account, check=False).strip() == answer, what


def test_a_store_that_does_not_exist_is_said_and_each_router_counts_alone(front: Front) -> None:
    urls = alone(front, limited(requests(5), storeRef={"name": "nowhere"}))
    said = {kind: front.condition(kind) for kind in ("Ready", "Stalled", "ResolvedRefs", "LimitsShared")}
    assert {kind: found["status"] for kind, found in said.items()} == {
        "Ready": "True",
        "Stalled": "False",
        "ResolvedRefs": "False",
        "LimitsShared": "False",
    }
    assert said["ResolvedRefs"]["reason"] == "StoreNotFound"
    assert "CacheTier 'nowhere' does not exist" in said["LimitsShared"]["message"]
    assert many(urls, 20) == {200: 10, 429: 10}


def alone(front: Front, spec: Object) -> list[str]:
    """`Front.routers` without a store."""
    front.apply(spec)
    front.wait(lambda: front.condition("Ready").get("reason") == "Serving", "routers serve")
    front.wait(lambda: front.place.get(f"rpol/{front.name}")["status"]["configuration"]["live"] == 2, "both run it")
    return front.urls()


def test_while_the_store_is_dead_each_router_lets_through_its_part(front: Front, installed: Cluster) -> None:
    urls = front.routers(limited(requests(60)))
    assert many(urls, 20) == {200: 20}
    store = installed.container_pid(front.place.name, "shared-store-0", "valkey")
    os.kill(store, signal.SIGSTOP)  # killed, it would be back within a second
    try:
        begin = time.monotonic()
        assert ask(urls[0]).status_code == 200
        assert time.monotonic() - begin < 10, "nobody waits until it goes on"
        found = many(urls, 119)
        # each router had let through 10 of its 30 before
        assert found[200] + 1 == 40, found
        front.wait(lambda: front.condition("LimitsShared")["status"] == "False", "the policy says so")
        said = front.condition("LimitsShared")
        assert (said["reason"], "1/2 of each limit" in said["message"]) == ("StoreUnreachable", True)
    finally:
        os.kill(store, signal.SIGCONT)
    front.wait(lambda: front.condition("LimitsShared")["status"] == "True", "they count together again")
    # what it was asked when it hung may count twice: in doubt a client has less
    front.wait(lambda: counted(front, "acme") >= 60, "the store was told what was let through")
    assert many(urls, 10) == {429: 10}
    assert many(urls, 10, key=GLOBEX) == {200: 10}


def counted(front: Front, client: str, limit: str = "rps") -> int:
    """What the store holds of a client's limit."""
    place = front.place
    password = base64.b64decode(place.get("secret/shared-store")["data"]["password"]).decode()
    shell = ["exec", "shared-store-0", "--", "env", f"REDISCLI_AUTH={password}", "valkey-cli"]
    keys = place.kubectl(*shell, "KEYS", f"tidegate:{{{place.name}/{front.name}}}:{limit}:*:{client}").split()
    values = [place.kubectl(*shell, "HVALS", key).split() for key in keys]
    return sum(int(number) for some in values for number in some)


class Streams:
    """Streams of one client, some of which it leaves; what was received of each."""

    def __init__(self, urls: list[str], most: int) -> None:
        self.urls, self.most = urls, most
        self.refused = self.whole = self.left = 0
        self.received = 0
        self._lock = threading.Lock()

    def run(self, number: int) -> None:
        """Every third one is left after a few tokens."""
        body = {
            "model": "chat",
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": self.most,
            "stream": True,
            "ignore_eos": True,
        }
        leaves = 5 if number % 3 == 0 else 0
        events = 0
        url = f"{self.urls[number % len(self.urls)]}{CHAT}"
        with httpx.stream("POST", url, json=body, headers={"x-api-key": ACME}, timeout=60) as answer:
            if answer.status_code == 429:
                with self._lock:
                    self.refused += 1
                return
            assert answer.status_code == 200, answer.status_code
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    events += bool(json.loads(line[6:])["choices"][0]["delta"].get("content"))
                if leaves and events >= leaves:
                    break
        with self._lock:
            self.received += events
            self.left += bool(leaves)
            self.whole += not leaves


def test_tokens_under_two_hundred_streams_with_disconnects(front: Front) -> None:
    limit, most = 10_000, 100
    urls = front.routers(limited(tokens(limit)))
    streams = Streams(urls, most)
    with ThreadPoolExecutor(200) as pool:
        list(pool.map(streams.run, range(400)))
    assert streams.whole
    assert streams.left
    assert streams.refused
    assert streams.received <= limit * 1.01, vars(streams)
    front.wait(
        lambda: (
            counted(front, "acme", "tokens") >= streams.received and stable(lambda: counted(front, "acme", "tokens"))
        ),
        "every stream is settled",
    )
    used = counted(front, "acme", "tokens")
    print(
        f"received {streams.received}, counted {used}, {streams.whole} whole, {streams.left} left, {streams.refused} refused"
    )
    assert streams.received <= used <= limit * 1.01


def stable(look: Callable[[], int]) -> bool:
    """Whether it says the same for longer than records take."""
    before = look()
    time.sleep(4)
    return look() == before


THREADS = 4


class Load:
    """Requests without a pause; their statuses."""

    def __init__(self, url: str) -> None:
        self.url, self.statuses = url, Counter[int]()
        self._stop, self._answers = threading.Event(), Counter[int]()

    def __enter__(self) -> Counter[int]:
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(THREADS)]
        for thread in self._threads:
            thread.start()
        return self.statuses

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def answered(self) -> Counter[int]:
        """How often each thread was, so far."""
        return Counter(self._answers)

    def each_since(self, before: Counter[int]) -> bool:
        """Whether each thread was again since then."""
        return all(self._answers[number] > before[number] for number in range(THREADS))

    def _run(self, number: int) -> None:
        while not self._stop.is_set():
            self.statuses[ask(self.url, GLOBEX).status_code] += 1
            self._answers[number] += 1


@pytest.mark.parametrize(
    ("says", "how"),
    [
        ("Allow", signal.SIGKILL),
        ("Refuse", signal.SIGSTOP),
        pytest.param("Allow", signal.SIGSTOP, marks=pytest.mark.long),
        pytest.param("Refuse", signal.SIGKILL, marks=pytest.mark.long),
    ],
)
def test_without_the_brain(front: Front, installed: Cluster, says: str, how: signal.Signals) -> None:
    url = front.routers(limited(requests(1_000_000), limitsUnavailable=says))[0]
    pod = next(p for p in front.pods() if forwarded(front.place, p) == url)
    brain = installed.container_pid(front.place.name, pod["metadata"]["name"], "brain")
    load = Load(url)
    with load as seen:
        front.wait(lambda: seen[200] > 20, "requests are answered")
        os.kill(brain, how)
        if how == signal.SIGSTOP:
            if says == "Refuse":
                front.wait(lambda: seen[503] > 0, "what Envoy was given in advance is over")
            front.wait(partial(load.each_since, load.answered()), "none is left of those that were asked before")
            begin = Counter(seen)
            front.wait(lambda: (Counter(seen) - begin).total() > 10, "requests are answered without it")
            during = Counter(seen) - begin
            os.kill(brain, signal.SIGCONT)
            assert set(during) == ({200} if says == "Allow" else {503})
        front.wait(lambda: answered(url), "the brain is there again")
        before = seen[200]
        front.wait(lambda: seen[200] > before + 20, "requests are counted again")
    assert set(seen) == ({200} if says == "Allow" else {200, 503})
    print(says, how.name, dict(seen))


def forwarded(place: Place, pod: Object) -> str:
    """Its address out here."""
    return place.cluster.forward_address(pod["status"]["podIP"], ROUTER_PORT)


def answered(url: str) -> bool:
    """Whether somebody counts."""
    answer = ask(url, GLOBEX)
    return answer.status_code == 200 and "x-ratelimit-limit-requests" in answer.headers
