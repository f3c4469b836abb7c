"""Promise: when there are to be fewer engines, the one with the least to lose leaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from e2e.harness import Object, Place, engine_env, model

pytestmark = pytest.mark.cluster


@contextmanager
def _stream(url: str) -> Iterator[None]:
    """One stream on this engine, until the block ends: it would last 200 s."""
    body = {
        "model": "small",
        "messages": [{"role": "user", "content": "How is the tide?"}],
        "max_tokens": 2000,
        "stream": True,
        "ignore_eos": True,
    }
    over, begun = threading.Event(), threading.Event()

    def read() -> None:
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60) as answer:
            for _ in answer.iter_lines():
                begun.set()
                if over.is_set():
                    return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert begun.wait(60)
    try:
        yield
    finally:
        over.set()
        thread.join(30)


def _engines(place: Place) -> list[Object]:
    pods = place.items("pods", "tidegate.dev/role=engine")
    return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]


def test_the_idle_one_leaves(place: Place) -> None:
    place.apply(model(replicas=3, engine={"env": engine_env(DECODE_MS=100)}, drain={"timeout": "15s"}))
    place.ready("mdep/small")
    engines = sorted(_engines(place), key=lambda pod: str(pod["metadata"]["name"]))
    idle = engines[1]["metadata"]["name"]
    with ExitStack() as streams:
        for engine in (engines[0], engines[2]):
            url = place.cluster.forward_address(engine["status"]["podIP"], 8000)
            streams.enter_context(_stream(url))
        before = _readings(place)
        place.wait(lambda: _read_twice(place, before), "the operator has read them with their streams")
        place.kubectl("scale", "mdep/small", "--replicas=2")
        place.wait(lambda: len(_engines(place)) == 2, "one leaves")
        assert idle not in {pod["metadata"]["name"] for pod in _engines(place)}


def _readings(place: Place) -> dict[str, int]:
    """How often each engine was asked for its metrics, by its address. Nobody but the operator asks here, every 5 s."""
    urls = [place.cluster.forward_address(engine["status"]["podIP"], 8000) for engine in _engines(place)]
    return {url: int(httpx.get(f"{url}/sim/state", timeout=30).json()["seen"].get("/metrics", 0)) for url in urls}


def _read_twice(place: Place, before: dict[str, int]) -> bool:
    """Engines are read together, round by round: who is asked a second time has an answer to the first that the operator goes by."""
    return all(count >= before[url] + 2 for url, count in _readings(place).items())
