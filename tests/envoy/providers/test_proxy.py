"""Providers behind an egress proxy: a real one that opens tunnels, and sees a name, a port and bytes of TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.envoy.conftest import Engine, Engines, RealEnvoy
from tests.envoy.providers.conftest import Provider, walk
from tests.envoy.serving import Loop
from tests.envoy.waiting import until
from tests.support.authority import Authority
from tidegate.brain.native import built
from tidegate.brain.providers import basic
from tidegate.contract.destinations import Proxy, SecretEntry

pytestmark = [pytest.mark.envoy, pytest.mark.skipif(not built(), reason="without Rust")]
CHAT, HELLO = "/v1/chat/completions", {"model": "chat", "messages": []}
HOST = "provider.invalid"
"""Which nobody but the proxy can look up."""
ENTRY = SecretEntry(secret="egress", entry="login")
Run = Callable[..., None]


class Egress:
    """A proxy on 127.0.0.1 that leads everything to one port; `wants` is what it must be shown, if anything."""

    def __init__(self) -> None:
        self.wants = b""
        self.targets: list[bytes] = []
        self.read = bytearray()
        """Of all clients."""
        self._to = 0
        self._thread = Loop()
        self._server = self._thread.do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def leads_to(self, engine: Engine) -> Egress:
        """There."""
        self._to = engine.port
        return self

    def at(self, credentials: SecretEntry | None = None) -> Proxy:
        """As a provider names it."""
        return Proxy(host="localhost", port=self.port, credentials=credentials)

    def stop(self) -> None:
        """With its tunnels."""
        self._thread.stop(self._server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._tunnel(reader, writer)
        writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked, *headers = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        self.targets.append(asked)
        shown = [line.partition(b": ")[2] for line in headers if line.lower().startswith(b"proxy-authorization:")]
        if self.wants and shown != [self.wants]:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(self._pass(reader, back, self.read), self._pass(there, writer, bytearray()))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray) -> None:
        while piece := await reader.read(65536):
            seen += piece
            writer.write(piece)
            await writer.drain()
        writer.close()


@pytest.fixture
def egress() -> Iterator[Egress]:
    made = Egress()
    yield made
    made.stop()


@pytest.fixture
def behind(engines: Engines, authority: Authority, egress: Egress) -> Engine:
    """The server that the proxy leads to."""
    engine = engines.start(authority.server(f"DNS:{HOST}"))
    egress.leads_to(engine)
    return engine


def test_a_tunnel(envoy: RealEnvoy, behind: Engine, egress: Egress, run: Run) -> None:
    """TLS begins here and ends there; the proxy is told the name and the port."""
    run(walk(Provider("hosted", behind, host=HOST, proxy=egress.at())), {})
    answer = envoy.client.post(CHAT, json=HELLO, headers={"authorization": "Bearer sk-mine"})
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "hosted")
    assert egress.targets == [f"CONNECT {HOST}:{behind.port} HTTP/1.1".encode()]
    assert behind.headers[-1]["authorization"] == "Bearer sk-hosted"
    assert behind.headers[-1]["host"] == f"{HOST}:{behind.port}"
    assert b"model-of-hosted" not in egress.read
    assert not [name for name in behind.headers[-1] if name.startswith("proxy")]


def test_what_the_proxy_is_shown(envoy: RealEnvoy, behind: Engine, egress: Egress, run: Run) -> None:
    """Another password counts without another listener, and stands in no document that Envoy prints."""
    egress.wants = basic(b"me:first")
    hosted = Provider("hosted", behind, host=HOST, proxy=egress.at(ENTRY))
    envoy.files.proxy(ENTRY, egress.wants)
    run(walk(hosted), {})
    assert envoy.client.post(CHAT, json=HELLO).status_code == 200
    assert egress.wants.decode() not in envoy._admin("/config_dump")
    behind.close = True  # so that the next request needs a tunnel of its own
    envoy.client.post(CHAT, json=HELLO)
    egress.wants = basic(b"me:second")
    envoy.files.proxy(ENTRY, egress.wants)
    until(lambda: envoy.client.post(CHAT, json=HELLO).status_code == 200)


@pytest.mark.parametrize("how", ["refuses", "is gone", "leads to a stranger"])
def test_a_proxy_that_is_no_use(
    envoy: RealEnvoy, engines: Engines, authority: Authority, behind: Engine, egress: Egress, run: Run, how: str
) -> None:
    """The next one is asked, and nothing goes past the proxy."""
    if how == "refuses":
        egress.wants = b"something"
    elif how == "leads to a stranger":
        egress.leads_to(engines.start(authority.server("DNS:stranger.invalid")))
    at = Proxy(host="localhost", port=1) if how == "is gone" else egress.at()
    run(walk(Provider("hosted", behind, host=HOST, proxy=at), "a"), {"a": [engines.start()]})
    answer = envoy.client.post(CHAT, json=HELLO)
    assert (answer.status_code, answer.headers["x-tidegate-backend"]) == (200, "a")
    assert behind.bodies == []


def test_a_proxy_comes_and_goes(
    envoy: RealEnvoy, engines: Engines, authority: Authority, behind: Engine, egress: Egress, run: Run
) -> None:
    """While requests are answered; its listener goes with its cluster, and the one that clients use stays."""
    plain = engines.start(authority.server("DNS:localhost"))

    def removed(times: int) -> None:
        """Envoy reads the newest file: a listener that comes again before it has read that it went never goes."""
        until(lambda: envoy.stat("listener_manager.listener_removed") == times)

    for turn in range(3):
        run(walk(Provider("hosted", plain)), {})
        removed(turn)
        assert envoy.client.post(CHAT, json=HELLO).status_code == 200
        run(walk(Provider("hosted", behind, host=HOST, proxy=egress.at())), {})
        answer = envoy.client.post(CHAT, json=HELLO)
        assert answer.status_code == 200, answer.text
        assert len(behind.bodies) == turn + 1
    run(walk(Provider("hosted", plain)), {})
    removed(3)
    assert envoy.stat("listener_manager.listener_modified") == 0
