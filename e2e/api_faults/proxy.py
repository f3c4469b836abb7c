"""An API server that has bad days: a proxy in front of the real one that answers 429, 500 and 409, and breaks watches off.

    request               fault, one of FAULT_SHARE of the requests
    -------------------   --------------------------------------------------------------------------------------------
    any                   429 with Retry-After: 1, nothing was done
    any                   500, nothing was done
    a write               409, nothing was done
    a write               500, although it was done: the answer was lost
    a watch               its connection is closed after a random time, sometimes within a line

It runs inside the cluster's network and prints `ready` once it listens. Faults begin with a line on its standard input and end
with the next; when standard input is closed it prints its counts as JSON and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import ssl
import sys
from collections import Counter
from itertools import cycle
from pathlib import Path

import aiohttp
from aiohttp import web

FAULT_SHARE = 0.2
WATCH_SECONDS = (0.2, 6.0)
PLAIN = {"accept-encoding": "identity"}
"""The API server compresses long answers, such as the list of CRDs; here they are passed on as they come."""
HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "content-encoding", "host", "accept-encoding")


class FaultyProxy:
    """One upstream, one seed."""

    def __init__(self, session: aiohttp.ClientSession, upstream: str, seed: int) -> None:
        self._session = session
        self._upstream = upstream
        self._chance = random.Random(seed)
        self._kinds = {True: cycle(["429", "500", "409", "lost answer"]), False: cycle(["429", "500"])}
        """By whether it is a write: in turn, so that few requests see all of them."""
        self._faulty = False
        self._watches: set[asyncio.Timeout] = set()
        self.counts: Counter[str] = Counter()

    def toggle(self) -> None:
        """Faults begin, also for the watches that are open, or end."""
        self._faulty = not self._faulty
        for watch in self._watches if self._faulty else ():
            self._break(watch)

    def _break(self, watch: asyncio.Timeout) -> None:
        self.counts["fault broken watch"] += 1
        watch.reschedule(asyncio.get_running_loop().time() + self._chance.uniform(*WATCH_SECONDS))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every request."""
        write = request.method not in ("GET", "HEAD", "OPTIONS")
        watch = request.query.get("watch") in ("true", "1")
        self.counts["writes" if write else "watches" if watch else "reads"] += 1
        fault = self._fault(write=write)
        if fault:
            self.counts[f"fault {fault}"] += 1
        if fault in ("429", "500", "409"):
            return refusal(int(fault))
        if watch:
            return await self._watch(request)
        answer = await self._pass_on(request)
        return refusal(500) if fault == "lost answer" else answer

    def _fault(self, *, write: bool) -> str:
        if not self._faulty or self._chance.random() > FAULT_SHARE:
            return ""
        return next(self._kinds[write])

    async def _pass_on(self, request: web.Request) -> web.Response:
        async with self._ask(request, await request.read()) as answer:
            body = await answer.read()
            return web.Response(status=answer.status, body=body, headers=_kept(answer.headers))

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        """Passes lines on as they come; bytes are cut where they are when the time is over."""
        async with self._ask(request, b"") as answer:
            made = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
            await made.prepare(request)
            try:
                async with asyncio.timeout(None) as limit:
                    self._watches.add(limit)
                    if self._faulty:
                        self._break(limit)
                    async for piece in answer.content.iter_any():
                        await made.write(piece)
            except (TimeoutError, ConnectionResetError, aiohttp.ClientError):
                if request.transport:
                    request.transport.close()
            finally:
                self._watches.discard(limit)
            return made

    def _ask(self, request: web.Request, body: bytes) -> aiohttp.client._RequestContextManager:
        url = f"{self._upstream}{request.raw_path}"
        return self._session.request(request.method, url, data=body or None, headers=_kept(request.headers) | PLAIN)


def _kept(headers: aiohttp.typedefs.LooseHeaders) -> dict[str, str]:
    return {key: value for key, value in dict(headers).items() if str(key).lower() not in HOP_BY_HOP}


def refusal(status: int) -> web.Response:
    """What an API server says, as metav1.Status."""
    reasons = {429: "TooManyRequests", 500: "InternalError", 409: "Conflict"}
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reasons[status],
            "message": f"a fault of the test: {reasons[status]}"}  # fmt: skip
    return web.json_response(body, status=status, headers={"Retry-After": "1"} if status == 429 else {})


async def main(arguments: argparse.Namespace) -> None:
    """Serves until standard input ends."""
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(arguments.pki / "apiserver.crt", arguments.pki / "apiserver.key")
    client_tls = ssl.create_default_context(cafile=str(arguments.pki / "ca.crt"))
    connector = aiohttp.TCPConnector(ssl=client_tls, limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        proxy = FaultyProxy(session, arguments.upstream, arguments.seed)
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, arguments.host, arguments.port, ssl_context=server_tls).start()
        print("ready", flush=True)
        while await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
            proxy.toggle()
        print(json.dumps(proxy.counts), flush=True)
        await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pki", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(main(parser.parse_args()))
