"""A client that asks one thing after the other on one connection, and knows what it should be told."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

from benchmarks.cache.forms import Running
from benchmarks.router.flight import WrongAnswer
from benchmarks.router.workloads import PATH


@dataclass(frozen=True)
class Answer:
    """Of one request."""

    source: str
    """`hit-memory` and so on; empty without a cache of ours."""
    seconds: float
    text: str


class Client:
    """Of one router."""

    def __init__(self, router: Running) -> None:
        self._router = router
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, question: str) -> Answer:
        """Raises WrongAnswer for what is no answer to it."""
        reader, writer = self._streams = self._streams or await asyncio.open_connection("127.0.0.1", self._router.port)
        message = {"role": "user", "content": question}
        body = json.dumps({"model": "chat", "messages": [message], "temperature": 0}).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        begun = time.perf_counter()
        writer.write(head.encode() + body)
        status, headers, said = await _answer(reader)
        seconds = time.perf_counter() - begun
        if status != "200":
            raise WrongAnswer(f"{self._router.name}: {status} {said[:300]!r}")
        text = json.loads(said)["choices"][0]["message"]["content"]
        return Answer(headers.get("x-tidegate-cache", ""), seconds, text)

    async def until(self, question: str, source: str, patience: float = 30) -> Answer:
        """Asked again until it is answered from there."""
        deadline = time.monotonic() + patience
        while (answer := await self.ask(question)).source != source:
            if time.monotonic() > deadline:
                raise WrongAnswer(f"{self._router.name}: {answer.source or 'nothing'} instead of {source}")
            await asyncio.sleep(0.02)
        return answer

    def close(self) -> None:
        """Its connection."""
        if self._streams:
            self._streams[1].close()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return head[0].split(" ")[1], headers, await reader.readexactly(int(headers["content-length"]))
