"""Promise: an engine that dies before its first token is not noticed, and a stream that it had begun ends with an error that clients read."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest

from e2e.harness import Object, Place, engine_env, model, policy
from tidegate.brain.native import built

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not built(), reason="routers run on Lua, which can do neither: make native, where cargo is"),
]
STREAMS, MANY = 12, 200


class Stream(threading.Thread):
    """One client. httpx raises where an answer does not end as HTTP says, so that it fails then."""

    def __init__(self, url: str, tokens: int) -> None:
        super().__init__(daemon=True)
        self._url, self._tokens = f"{url}/v1/chat/completions", tokens
        self.events: list[Any] = []
        self.status, self.failed = 0, ""
        self.begun = threading.Event()
        self.start()

    def run(self) -> None:
        body = {
            "model": "chat",
            "messages": [{"role": "user", "content": "hello"}],
            "stream": True,
            "max_tokens": self._tokens,
            "ignore_eos": True,
        }
        try:
            with httpx.stream("POST", self._url, json=body, timeout=60) as answer:
                self.status = answer.status_code
                for line in answer.iter_lines():
                    self._take(line)
        except httpx.HTTPError as error:
            self.failed = repr(error)

    def _take(self, line: str) -> None:
        if line.startswith("data: "):
            said = line.removeprefix("data: ")
            self.events.append(said if said == "[DONE]" else json.loads(said))
            self.begun.set()

    @property
    def end(self) -> str:
        """How it ended."""
        last = self.events[-1] if self.events else None
        if last == "[DONE]":
            return "done"
        return "error" if isinstance(last, dict) and "error" in last else "torn"


@pytest.fixture
def pair(place: Place) -> Place:
    """Two engines behind a router; a token takes 50 ms."""
    place.apply(model(replicas=2, engine={"env": engine_env(DECODE_MS=50)}), policy())
    place.ready("mdep/small", "rpol/front")
    return place


def _engines(place: Place) -> list[Object]:
    return place.items("pods", "tidegate.dev/role=engine")


def _fault(place: Place, engine: Object, **faults: Any) -> None:
    url = place.cluster.forward_address(engine["status"]["podIP"], 8000)
    try:
        httpx.post(f"{url}/sim/faults", json=faults, timeout=30).raise_for_status()
    except httpx.TransportError:
        if not faults.get("crash"):  # it does not answer that one
            raise


def _running(place: Place, engine: Object) -> float:
    """Requests that an engine has taken and not answered."""
    url = place.cluster.forward_address(engine["status"]["podIP"], 8000)
    lines = httpx.get(f"{url}/metrics", timeout=30).text.splitlines()
    names = ("vllm:num_requests_running", "vllm:num_requests_waiting{")
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(names))


def test_before_its_first_token(pair: Place) -> None:
    dying, _ = _engines(pair)
    _fault(pair, dying, slow_factor=10_000.0)
    url = pair.router()
    streams = [Stream(url, 4) for _ in range(STREAMS)]
    pair.wait(lambda: _running(pair, dying) > 0, "some of them wait at the one that will die")
    pair.wait(lambda: any(stream.end == "done" for stream in streams), "the other one answers")
    _fault(pair, dying, crash=True)
    for stream in streams:
        stream.join(120)
    assert [(s.status, s.failed, s.end) for s in streams] == [(200, "", "done")] * STREAMS


@pytest.mark.parametrize("how", ["hang", pytest.param("crash", marks=pytest.mark.long)])
def test_one_of_three_under_two_hundred_streams(place: Place, how: str) -> None:
    """It accepts requests and says nothing, or it dies while they wait for their first token; `/health` stays 200 meanwhile."""
    limits: Object = {"timeouts": {"firstToken": "5s"}} if how == "hang" else {}  # who waits is there when it dies
    place.apply(model(replicas=3, engine={"env": engine_env(DECODE_MS=5), "maxNumSeqs": 256}), policy(**limits))
    place.ready("mdep/small", "rpol/front")
    bad = _engines(place)[0]
    _fault(place, bad, **({"hang": True} if how == "hang" else {"slow_factor": 100_000.0}))
    url = place.router()  # before any of them: an engine that is slow for long is taken for one that hangs
    streams = [Stream(url, 4) for _ in range(MANY)]
    if how == "crash":
        place.wait(lambda: _running(place, bad) > 0, "some of them wait at the one that will die")
        _fault(place, bad, crash=True)
    for stream in streams:
        stream.join(120)
    assert [(s.status, s.failed, s.end) for s in streams] == [(200, "", "done")] * MANY


def test_in_the_middle_of_a_stream(pair: Place) -> None:
    dying, _ = _engines(pair)
    url = pair.router()
    streams = [Stream(url, 200) for _ in range(STREAMS)]
    for stream in streams:
        assert stream.begun.wait(60)
    on_it = _running(pair, dying)
    assert 0 < on_it < STREAMS
    _fault(pair, dying, crash=True)
    for stream in streams:
        stream.join(120)
    assert [s.failed for s in streams if s.failed] == [], "every answer ends as HTTP says"
    ends = [stream.end for stream in streams]
    assert (ends.count("error"), ends.count("done")) == (on_it, STREAMS - on_it)
    error = next(s.events[-1]["error"] for s in streams if s.end == "error")
    assert error["type"]
    assert error["message"]
