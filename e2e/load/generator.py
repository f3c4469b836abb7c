"""Keeps streams going and sends short requests at a constant rate, whatever becomes of those before (an open loop)."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from e2e.load.connection import Answer, Connection
from e2e.load.conntrack import Address, Conntrack
from e2e.load.report import Failure, Line, Tally, middle_and_tail

CONNECT = 5.0  # seconds, as OpenAI's client has it
RAMP = 2.0  # seconds in which the streams begin, so that they do not end together
PAUSE = 0.2  # seconds after a failed stream
FIRST = 0.05  # seconds between two attempts to make the first connection
LOOK = 0.5  # seconds between two looks for silent connections
REUSE = 5
"""Requests of one connection: as with many clients, new connections are made all the time."""


@dataclass(frozen=True)
class Wanted:
    """What is to be sent where."""

    addresses: tuple[Address, ...]
    """Asked in turn: a Service's address, or those of Pods."""
    model: str
    streams: int
    """How many at a time."""
    rate: float
    """Short requests a second."""
    tokens: int
    """Length of a stream."""
    silence: float
    """Seconds without a byte after which an answer is given up."""

    def request(self, tokens: int, *, stream: bool) -> bytes:
        """A chat request as it goes over the wire."""
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": "How is the tide?"}],
            "max_tokens": tokens,
            "stream": stream,
            "ignore_eos": True,
        }
        text = json.dumps(body).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: router\r\ncontent-type: application/json\r\n"
        return f"{head}content-length: {len(text)}\r\n\r\n".encode() + text


class Unreached(OSError):
    """No connection to `router`."""

    def __init__(self, router: str, reason: OSError) -> None:
        super().__init__(f"no connection: {type(reason).__name__} {reason}".strip())
        self.router = router


class Generator:
    """Made inside the running loop. `tell` is given a line for each failure and each second."""

    def __init__(self, wanted: Wanted, tell: Callable[[Line], None]) -> None:
        self.tally = Tally()
        self._wanted = wanted
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._turn = itertools.cycle(wanted.addresses)
        self._conntrack = Conntrack()
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._first_byte: dict[str, list[float]] = {"stream": [], "short": []}
        self._stream = wanted.request(wanted.tokens, stream=True)
        self._short = wanted.request(1, stream=False)

    def stop(self) -> None:
        """Nothing new begins; what is under way is let finish."""
        self._stop.set()

    async def reach(self, seconds: float = CONNECT) -> None:
        """Waits for the first connection: a Service takes them a moment after its Pods are ready, because kube-proxy hears
        of those last. Raises Unreached."""
        until = self._loop.time() + seconds
        while True:
            try:
                return (await self._connect(self._wanted.addresses[0])).close()
            except Unreached:
                if self._loop.time() > until:
                    raise
            await asyncio.sleep(FIRST)

    async def run(self) -> None:
        """Until `stop`, and until the last answer."""
        watch = [asyncio.create_task(job) for job in (self._give_up_on_silence(), self._tell_each_second())]
        delays = [RAMP * number / max(self._wanted.streams, 1) for number in range(self._wanted.streams)]
        await asyncio.gather(self._shorts(), *(self._streams(delay) for delay in delays))
        for job in watch:
            job.cancel()
        await asyncio.gather(*watch, return_exceptions=True)
        for connection in self._open:
            connection.close()
        self._conntrack.close()
        self.tally.first_byte = {kind: middle_and_tail(seconds) for kind, seconds in self._first_byte.items()}
        self._tell({"tally": self.tally.lines()})

    async def _streams(self, delay: float) -> None:
        """One after the other."""
        await self._rest(delay)
        while not self._stop.is_set():
            self.tally.streams += 1
            good = await self._exchange("stream", self._stream)
            self.tally.streams -= 1
            if not good:
                await self._rest(PAUSE)

    async def _rest(self, seconds: float) -> None:
        """A pause that `stop` ends."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    async def _shorts(self) -> None:
        """At a constant rate: what is late is caught up with."""
        jobs: set[asyncio.Task[bool]] = set()
        begin = self._loop.time()
        for number in itertools.count():
            await self._rest(begin + number / self._wanted.rate - self._loop.time())
            if self._stop.is_set():
                break
            job = asyncio.create_task(self._exchange("short", self._short))
            jobs.add(job)
            job.add_done_callback(jobs.discard)
        await asyncio.gather(*jobs)

    async def _exchange(self, kind: str, request: bytes) -> bool:
        """One request and its answer; whether all went well."""
        began = time.time()
        try:
            connection = await self._connection()
        except Unreached as error:
            now = self._loop.time()
            return self._count(kind, began, error.router, Answer(now, now, error=str(error)), fresh=True)
        answer = await connection.ask(request)
        if connection.usable and connection.asked < REUSE:
            self._idle.append(connection)
        else:
            connection.close()
        return self._count(kind, began, connection.router, answer, fresh=connection.asked == 1)

    async def _connection(self) -> Connection:
        """The one that was idle for the longest time, else a new one. Raises Unreached."""
        while self._idle:
            connection = self._idle.popleft()
            if connection.usable:
                return connection
        return await self._connect(next(self._turn))

    async def _connect(self, address: Address) -> Connection:
        made = socket.socket()
        made.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT):
                await self._loop.sock_connect(made, address)
        except OSError as error:
            router = self._conntrack.server(made.getsockname(), address)
            made.close()
            raise Unreached(router, error) from error
        router = self._conntrack.server(made.getsockname(), address) or address[0]
        connection = Connection(router, self._loop.time)
        await self._loop.create_connection(lambda: connection, sock=made)
        self._open.add(connection)
        return connection

    def _count(self, kind: str, began: float, router: str, answer: Answer, *, fresh: bool) -> bool:
        tally, whole = self.tally, answer.finished if kind == "stream" else not answer.error
        status = answer.status if kind == "stream" or whole else 0
        tally.answers[status] += 1
        tally.routers[router] += 1
        if answer.first_byte:
            self._first_byte[kind].append(answer.first_byte - answer.asked)
        if status == 200:
            tally.backends[answer.backend] += 1
            tally.revisions[answer.revision] += 1
            tally.engines[answer.engine] += 1
            if whole:
                return True
        tally.cut += status == 200
        what = answer.error or f"{answer.status} {answer.tail.decode(errors='replace')}"
        failure = Failure(time.time(), began, kind, status == 200, what, router, answer.engine, fresh)
        self._tell({"failure": vars(failure)})
        return False

    async def _give_up_on_silence(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            latest = self._loop.time() - self._wanted.silence
            self._open = {each for each in self._open if each.usable or each.answer}
            for connection in list(self._open):
                if connection.answer and connection.answer.heard < latest:
                    connection.give_up(f"silent for {self._wanted.silence:.0f} s")

    async def _tell_each_second(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._tell({"tally": self.tally.lines()})


def address(text: str) -> Address:
    """`HOST:PORT`."""
    host, _, port = text.rpartition(":")
    return host, int(port)
