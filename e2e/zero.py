"""What tests of models without engines share: such a model, and requests that wait for it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import httpx

from e2e.harness import Load, Object, Place, engine_env, model

CHAT = "/v1/chat/completions"
ENGINES = "tidegate.dev/model=small"


def sleepy(hold: str = "60s", load: float = 2, **autoscaling: object) -> Object:
    """A model whose last engine leaves after 10 s, and whose engines take `load` seconds to start."""
    scaled = {"minReplicas": 0, "maxReplicas": 2, "scaleToZero": {"after": "10s", "holdRequests": hold}}
    return model(
        engine={"env": engine_env(DECODE_MS=5, LOAD_SECONDS=load)},
        autoscaling=scaled | autoscaling,
        drain={"timeout": "15s"},
    )


def asleep(place: Place) -> None:
    """Waits until there is no engine, and everybody says so and is content."""
    place.ready_says("mdep/small", "ScaledToZero")
    place.wait(lambda: not place.items("pods", ENGINES), "the engine is gone")
    place.ready_says("rpol/front", "ScaledToZero")
    place.ready("mdep/small", "rpol/front")


def held(place: Place) -> int:
    """As Prometheus would read it from every router."""
    addresses = [pod["status"]["podIP"] for pod in place.items("pods", "tidegate.dev/role=router")]
    pages = [place.cluster.exec(["curl", "-s", f"http://{ip}:9092/metrics"]) for ip in addresses]
    lines = [line for page in pages for line in page.stdout.splitlines() if line.startswith("tidegate_held_requests{")]
    return sum(int(line.split()[-1]) for line in lines)


@dataclass(frozen=True)
class Answer:
    """What a client saw."""

    status: int
    whole: bool
    """Whether the stream, or the document, came to its end."""
    first: float
    """Seconds to the first byte of the body."""


async def ask(url: str, *, stream: bool) -> Answer:
    """One request, on a connection of its own."""
    body = Load(url).body(4, stream=stream)
    began, last, first = time.monotonic(), "", 0.0
    async with httpx.AsyncClient(timeout=90) as client, client.stream("POST", url + CHAT, json=body) as answer:
        async for line in answer.aiter_lines():
            first = first or time.monotonic() - began
            last = line or last
    return Answer(answer.status_code, last == "data: [DONE]" if stream else last.endswith("}"), first)


async def many(url: str, count: int) -> list[Answer]:
    """Streams and documents in turn, all at once."""
    return list(await asyncio.gather(*(ask(url, stream=bool(number % 2)) for number in range(count))))
