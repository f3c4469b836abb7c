"""Promise: a key that is taken away is refused by every router within a second, whoever is dead at that moment; nobody else notices,
and no router is replaced."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest

from e2e import operators
from e2e.clients import ACME, GLOBEX
from e2e.devcluster import Cluster
from e2e.harness import Object, Place, model, policy
from tidegate.brain.native import built
from tidegate.names import ROUTER_PORT

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not built(), reason="routers run on Lua, which let nobody in: make native, where cargo is"),
]

KEYS: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}}
BOTH = {**KEYS, "stringData": {"acme": ACME, "globex": GLOBEX}}
SOON = 1.0
"""Seconds."""
TRIES = 10
"""Of which the best counts: a busy machine may hold one up."""
BACK = 60.0
"""Seconds in which kubelet has started a container again."""


@dataclass
class Client:
    """Asks a router again and again; what it was told, and when."""

    url: str
    key: str
    said: list[tuple[float, int]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def ask(self, client: httpx.Client) -> int:
        """The status of one request; 0 is no answer."""
        body = {"model": "chat", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1}
        try:
            return client.post(
                f"{self.url}/v1/chat/completions", json=body, headers={"x-api-key": self.key}
            ).status_code
        except httpx.HTTPError:
            return 0

    def run(self) -> None:
        """Until it is stopped."""
        with httpx.Client(timeout=30) as client:
            while not self._stop.wait(0.05):
                self.said.append((time.monotonic(), self.ask(client)))

    def stop(self) -> None:
        """From another thread."""
        self._stop.set()

    @property
    def statuses(self) -> set[int]:
        """All of them."""
        return {status for _, status in self.said}

    def refused(self, since: float) -> float | None:
        """Seconds from then to the first answer after which all are 401; None while the last one is another."""
        last = max((at for at, status in self.said if status != 401), default=since)
        return max(0.0, last - since) if self.said and self.said[-1][1] == 401 else None


@dataclass
class Front:
    """Two routers of one policy, each with a client of either kind."""

    place: Place
    routers: list[Object]
    acme: list[Client]
    globex: list[Client]

    def revoke(self) -> float:
        """Takes acme's key away; returns when."""
        patch = json.dumps([{"op": "remove", "path": "/data/acme"}])
        self.place.kubectl("patch", "secret", "keys", "--type=json", "-p", patch)
        return time.monotonic()

    def refused(self, since: float, within: float) -> float:
        """Waits until every router refuses acme; the seconds that the slowest took."""
        self.place.wait(lambda: all(c.refused(since) is not None for c in self.acme), "acme is refused", within)
        said = [len(client.said) for client in self.acme]
        self.place.wait(
            lambda: all(len(c.said) > n + 1 for c, n in zip(self.acme, said, strict=True)), "none is under way"
        )
        return max(client.refused(since) or 0.0 for client in self.acme)

    def refused_soon(self, take_away: Callable[[], float]) -> bool:
        """Whether every router refuses acme within SOON of that: the best of TRIES."""
        for _ in range(TRIES):
            if self.refused(take_away(), BACK) < SOON:
                return True
            self.place.apply(BOTH)
            self.let_in()
        return False

    def let_in(self) -> None:
        """Waits until every router lets acme in."""
        self.place.wait(lambda: [c.said[-1][1] for c in self.acme] == [200] * 2, "acme is let in again")

    def uids(self) -> set[str]:
        """Of the routers that there are."""
        return {pod["metadata"]["uid"] for pod in self.place.items("pods", "tidegate.dev/role=router")}


@pytest.fixture(scope="module")
def serving(shared_place: Place) -> Place:
    """A model and its two routers, for all tests."""
    shared_place.apply(BOTH, model(), policy(replicas=2, auth={"apiKeys": {"secretRefs": [{"name": "keys"}]}}))
    shared_place.ready("mdep/small", "rpol/front")
    return shared_place


@pytest.fixture
def front(serving: Place) -> Iterator[Front]:
    """Everybody is let in, and asks."""
    place = serving
    place.apply(BOTH)
    place.wait(lambda: _let_in(place), "everybody is let in")
    with _asking(place) as made:
        place.wait(lambda: all(len(c.said) > 5 for c in (*made.acme, *made.globex)), "everybody has asked")
        assert {status for c in (*made.acme, *made.globex) for status in c.statuses} == {200}
        yield made


def _let_in(place: Place) -> bool:
    """Whether each router answers each client."""
    front = _clients(place)
    asked = (*front.acme, *front.globex)
    with httpx.Client(timeout=30) as client:
        return [one.ask(client) for one in asked] == [200] * len(asked)


def _clients(place: Place) -> Front:
    routers = place.items("pods", "tidegate.dev/role=router")
    urls = [place.cluster.forward_address(pod["status"]["podIP"], ROUTER_PORT) for pod in routers]
    return Front(place, routers, [Client(url, ACME) for url in urls], [Client(url, GLOBEX) for url in urls])


@contextmanager
def _asking(place: Place) -> Iterator[Front]:
    made = _clients(place)
    threads = [threading.Thread(target=client.run) for client in (*made.acme, *made.globex)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        for client in (*made.acme, *made.globex):
            client.stop()
        for thread in threads:
            thread.join()


def test_a_key_taken_away_is_refused_everywhere_and_nobody_else_notices(front: Front) -> None:
    before = front.uids()
    assert front.refused_soon(front.revoke)
    assert [client.statuses for client in front.globex] == [{200}] * 2
    assert front.uids() == before
    front.place.apply(BOTH)
    front.let_in()


def test_while_operators_hang(front: Front, installed: Cluster) -> None:
    operators.settled(installed)
    pids = operators.pids(installed)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert front.refused_soon(front.revoke)
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):  # a busy machine took longer than their probes wait
                os.kill(pid, signal.SIGCONT)
    assert [client.statuses for client in front.globex] == [{200}] * 2


def test_while_brains_are_dead(front: Front, installed: Cluster) -> None:
    """Nobody notices that they are; the next ones have what was missed within a second of their start."""
    pods = [pod["metadata"]["name"] for pod in front.routers]
    for pod in pods:
        os.kill(installed.container_pid(front.place.name, pod, "brain"), signal.SIGKILL)
    front.refused(front.revoke(), BACK)
    assert [client.statuses for client in front.globex] == [{200}] * 2
    assert {status for client in front.acme for status in client.statuses} == {200, 401}


def test_a_secret_that_is_deleted_lets_nobody_in_and_the_policy_says_so(front: Front) -> None:
    place = front.place

    def deleted() -> float:
        place.kubectl("delete", "secret", "keys")
        return time.monotonic()

    assert front.refused_soon(deleted)
    place.wait(lambda: place.condition("rpol/front", "ResolvedRefs")["status"] == "False", "the policy says so")
    said = place.condition("rpol/front", "ResolvedRefs")
    assert (said["reason"], said["message"]) == ("KeysUnusable", "Secret 'keys' does not exist")
    health = httpx.get(f"{front.acme[0].url}/healthz", timeout=30)
    assert health.status_code == 200, "probes need no key"
    place.apply({**KEYS, "stringData": {"acme": ACME, "globex": ""}})
    front.let_in()
    place.wait(lambda: "'globex' is empty" in place.condition("rpol/front", "ResolvedRefs")["message"], "who is not")
    assert {client.said[-1][1] for client in front.globex} == {401}


def test_routers_read_no_other_secret(front: Front) -> None:
    place = front.place
    account = f"--as=system:serviceaccount:{place.name}:front-router"
    wanted = [
        ("list", "secrets/keys", "yes"),
        ("list", "secrets/other", "no"),
        ("list", "secrets", "no"),
        ("get", "secrets/keys", "no"),
    ]
    for verb, what, answer in wanted:
        assert place.kubectl("auth", "can-i", verb, what, account, check=False).strip() == answer, (verb, what)
