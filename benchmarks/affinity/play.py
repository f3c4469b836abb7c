"""Plays talks against a router, as clients that read streams: the next question follows when the answer is there and some time passed."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import aiohttp
import uvloop

from benchmarks.affinity.routers import SESSION
from benchmarks.affinity.talks import ANSWER, Message, Talk, said
from benchmarks.router.workloads import PATH, PUBLIC

PATIENCE = aiohttp.ClientTimeout(total=120)
END = b"data: [DONE]"


class Failed(Exception):
    """An answer that is none."""


@dataclass
class Played:
    """What clients saw."""

    waits: list[float] = field(default_factory=list)
    """Seconds from a question to the first bytes of its answer's stream, which are its first token's."""
    late: list[float] = field(default_factory=list)
    """Seconds that a client woke up after its pause, for want of CPU."""
    failures: Counter[str] = field(default_factory=Counter)
    """Why a talk ended early."""


def play(url: str, talks: Sequence[Talk], begin: float) -> Played:
    """In a process of its own, from a moment of the monotonic clock on: clients of one router never wait for those of another."""
    return uvloop.run(_play(url, talks, begin))


async def _play(url: str, talks: Sequence[Talk], begin: float) -> Played:
    played = Played()
    await asyncio.sleep(begin - time.monotonic())
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector, timeout=PATIENCE) as client:
        await asyncio.gather(*(_talk(client, talk, played) for talk in talks))
    return played


async def _talk(client: aiohttp.ClientSession, talk: Talk, played: Played) -> None:
    messages = list(talk.opening)
    for question, pause in zip(talk.questions, (talk.begins, *talk.pauses), strict=True):
        played.late.append(await _pause(pause))
        messages.append(said("user", question))
        try:
            answer = await _ask(client, talk.session, messages, played)
        except (aiohttp.ClientError, TimeoutError, Failed) as error:
            played.failures[f"{type(error).__name__}: {error}"] += 1
            return
        messages.append(said("assistant", answer))


async def _pause(seconds: float) -> float:
    """Returns how much longer it was."""
    begin = time.perf_counter()
    await asyncio.sleep(seconds)
    return time.perf_counter() - begin - seconds


async def _ask(client: aiohttp.ClientSession, session: str, messages: list[Message], played: Played) -> str:
    begin, first, came = time.perf_counter(), 0.0, bytearray()
    async with client.post(PATH, data=body(messages), headers=_headers(session)) as response:
        async for piece in response.content.iter_any():
            first = first or time.perf_counter()
            came += piece
        if response.status != 200 or END not in came:
            raise Failed(f"{response.status} {bytes(came[-200:])!r}")
    played.waits.append(first - begin)
    return answer_of(bytes(came))


def _headers(session: str) -> dict[str, str]:
    return {"content-type": "application/json", SESSION: session}


def body(messages: Sequence[Message]) -> bytes:
    """Of a request for a stream of ANSWER tokens."""
    asked = {"model": PUBLIC, "messages": messages, "stream": True, "max_tokens": ANSWER, "ignore_eos": True}
    return json.dumps(asked).encode()


def answer_of(stream: bytes) -> str:
    """What the model said in a stream."""
    return "".join(_pieces(stream))


def _pieces(stream: bytes) -> Iterator[str]:
    for line in stream.splitlines():
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                yield choice["delta"].get("content") or ""
