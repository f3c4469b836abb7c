"""The keys of an issuer: what counts of a document, and what becomes of one that cannot be read."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import trustme
from aiohttp import web

from tests.brain.support import come_true, going
from tests.support.tokens import URL, Issuer
from tidegate.brain import jwks
from tidegate.brain.jwks import Issuers, fetch
from tidegate.contract.clients import Tokens
from tidegate.contract.destinations import SecretEntry
from tidegate.contract.jwks import NoKeys, public

ISSUER = Issuer()
WHERE = "https://login.example.com/jwks"
WANTED = Tokens(issuer=URL, audiences=("tidegate",), client_claim="sub", url=WHERE)


def test_the_same_keys_are_the_same_text() -> None:
    document = json.loads(ISSUER.jwks())
    shuffled = json.dumps({"x": 1, "keys": [dict(reversed(list(key.items()))) for key in document["keys"]]})
    assert public(ISSUER.jwks()) == public(shuffled)


def test_what_nobody_may_know_is_left_out() -> None:
    assert '"d"' in ISSUER.jwks(private=True)
    assert public(ISSUER.jwks(private=True)) == public(ISSUER.jwks())
    shared = {"kty": "oct", "k": "c2VjcmV0", "kid": "x"}
    assert "c2VjcmV0" not in public(json.dumps({"keys": [shared, *json.loads(ISSUER.jwks())["keys"]]}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"keys": 3}',
        '{"keys": []}',
        '{"keys": [3]}',
        '{"keys": [{"kty": "oct", "k": "x"}]}',
        "[" * 10_000,
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(NoKeys):
        public(text)


class World:
    """Issuers with a network that answers when it is told what."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[str | Exception] = asyncio.Queue()
        self.changes = 0
        self.authorities: bytes | None = b""
        self.issuers = Issuers(self._changed, lambda _: self.authorities)

    def _changed(self) -> None:
        self.changes += 1

    async def ask(self, url: str, authorities: bytes) -> str:
        """What stands there."""
        assert (url, authorities) == (WHERE, b"")
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "REFRESH", 0.02)
    monkeypatch.setattr(jwks, "AGAIN", 0.01)


@pytest.mark.usefixtures("_soon")
async def test_keys_are_read_again_and_what_cannot_be_read_changes_nothing() -> None:
    new, world = Issuer("2"), World()
    assert "was not read yet" in world.issuers.problem(WANTED)
    world.issuers.name(WANTED, None)
    async with going(world.issuers.run(world.ask)):
        world.answers.put_nowait(ISSUER.jwks())
        await come_true(lambda: world.issuers.keys(WANTED) == public(ISSUER.jwks()))
        for answer, said in ((httpx.ConnectError("nobody there"), "nobody there"), ("garbage", "no JSON Web Key Set")):
            world.answers.put_nowait(answer)
            await come_true(lambda said=said: said in world.issuers.problem(WANTED))  # type: ignore[misc]
            assert world.issuers.keys(WANTED) == public(ISSUER.jwks())
        world.answers.put_nowait(new.jwks())
        await come_true(lambda: world.issuers.keys(WANTED) == public(new.jwks()))
        assert (world.issuers.problem(WANTED), world.changes) == ("", 4)
        world.answers.put_nowait(new.jwks())
        await come_true(world.answers.empty)
        assert world.changes == 4, "nobody is told of the same again"


@pytest.mark.usefixtures("_soon")
async def test_certificates_that_are_not_there_yet() -> None:
    world = World()
    world.authorities = None
    world.answers.put_nowait(ISSUER.jwks())
    wanted = WANTED.model_copy(update={"ca": SecretEntry(secret="ca", entry="ca.crt")})
    world.issuers.name(wanted)
    async with going(world.issuers.run(world.ask)):
        await come_true(lambda: "caSecretRef are not there" in world.issuers.problem(wanted))
        assert not world.answers.empty()
        world.authorities = b""
        await come_true(lambda: bool(world.issuers.keys(wanted)))


def test_a_brain_that_comes_later_knows_what_the_one_before_knew() -> None:
    before, after = World(), World()
    before.issuers.restore(json.dumps({WHERE: public(ISSUER.jwks())}))
    after.issuers.restore(before.issuers.written())
    assert after.issuers.keys(WANTED) == public(ISSUER.jwks())
    for garbage in ("", "{", "[3]", '{"x": 3}'):
        World().issuers.restore(garbage)


def test_inline() -> None:
    inline = Tokens(issuer=URL, audiences=("tidegate",), client_claim="sub", jwks=ISSUER.jwks())
    issuers = World().issuers
    assert issuers.keys(inline) == public(ISSUER.jwks())
    assert issuers.problem(inline) == ""
    wrong = inline.model_copy(update={"jwks": '{"keys": []}'})
    assert issuers.keys(wrong) == ""
    assert issuers.problem(wrong) == "auth.jwt.jwks.inline: there is no public key in it"


Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _served(handle: Handle, authority: trustme.CA, trusted: bytes) -> Any:
    """What `fetch` makes of a server with a certificate of this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    app = web.Application()
    app.router.add_get("/jwks", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        return await fetch(f"https://localhost:{site.name.rpartition(':')[2]}/jwks", trusted)
    finally:
        await runner.cleanup()


async def _good(_: web.Request) -> web.Response:
    return web.Response(text=ISSUER.jwks())


async def _large(_: web.Request) -> web.Response:
    return web.Response(text=" " * (jwks.LARGEST + 1))


async def _missing(_: web.Request) -> web.Response:
    return web.Response(status=404)


async def test_over_the_network() -> None:
    ours, theirs = trustme.CA(), trustme.CA()
    trusted = ours.cert_pem.bytes()
    assert await _served(_good, ours, trusted) == ISSUER.jwks()
    with pytest.raises(httpx.ConnectError):
        await _served(_good, theirs, trusted)
    with pytest.raises(NoKeys, match="larger"):
        await _served(_large, ours, trusted)
    with pytest.raises(httpx.HTTPStatusError):
        await _served(_missing, ours, trusted)


async def test_an_issuer_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then, each in time."""
    monkeypatch.setattr(jwks, "TIMEOUT", 0.5)

    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b" ")
            await asyncio.sleep(0.1)

    app = web.Application()
    app.router.add_get("/", drip)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
    async with asyncio.timeout(5):
        with pytest.raises(NoKeys, match="longer than"):
            await fetch(site.name, b"")
    await runner.cleanup()
