"""An OpenAI-compatible endpoint, good and bad."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from tidegate.embedding.embedder import EmbeddingAway
from tidegate.embedding.endpoint import MAX_ANSWER, MAX_SEEN, Endpoint, vectors

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers as it is told to; `asked` is what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.handler: Handler = self.well

    async def well(self, request: web.Request) -> web.StreamResponse:
        texts = self.asked[-1]["input"]
        data = [{"index": at, "embedding": [len(text), 3.0, 0.0]} for at, text in enumerate(texts)]
        return web.json_response({"data": data[::-1], "model": "m"})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("authorization"))
        return await self.handler(request)


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    told = Server()
    app = web.Application()
    app.router.add_post("/v1/embeddings", told.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield told, f"http://127.0.0.1:{port}/v1/"
    await runner.cleanup()


async def test_rows_come_in_the_texts_order_and_one_long(server: tuple[Server, str]) -> None:
    told, url = server
    endpoint = Endpoint(url, "m", 5.0, lambda: "secret")
    rows = await endpoint.embed(["four", "", "\ud800"])
    await endpoint.close()
    assert np.allclose(rows, np.array([[0.8, 0.6, 0.0], [0.0, 1.0, 0.0], [0.1**0.5, 0.9**0.5, 0.0]]))
    assert told.asked == [{"model": "m", "input": ["four", "", "?"], "encoding_format": "float"}]
    assert told.keys == ["Bearer secret"]


async def test_without_a_key_none_is_shown(server: tuple[Server, str]) -> None:
    told, url = server
    endpoint = Endpoint(url, "m", 5.0)
    await endpoint.embed(["x"])
    await endpoint.close()
    assert told.keys == [None]


async def refuses(_: web.Request) -> web.StreamResponse:
    return web.json_response({"error": {"message": "busy"}}, status=503)


async def sends_elsewhere(_: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect("/v1/embeddings")


async def never_ends(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b" " * (MAX_ANSWER + 1))


async def breaks_off(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"content-length": "100"})
    await answer.prepare(request)
    await answer.write(b"{")
    assert request.transport
    request.transport.abort()
    return answer


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


@pytest.mark.parametrize("handler", [refuses, sends_elsewhere, never_ends, breaks_off, hangs])
async def test_an_endpoint_that_gives_no_vectors_is_away(server: tuple[Server, str], handler: Handler) -> None:
    told, url = server
    told.handler = handler
    endpoint = Endpoint(url, "m", 0.3)
    with pytest.raises(EmbeddingAway):
        await endpoint.embed(["x"])
    assert len(told.asked) == 1
    told.handler = told.well
    assert (await endpoint.embed(["x"])).shape == (1, 3)
    await endpoint.close()


async def test_nobody_there_is_away() -> None:
    endpoint = Endpoint("http://127.0.0.1:1/v1", "m", 1.0)
    with pytest.raises(EmbeddingAway, match=r"127\.0\.0\.1"):
        await endpoint.embed(["x"])
    await endpoint.close()


async def test_more_than_there_is_room_for_are_told_so(server: tuple[Server, str]) -> None:
    _, url = server
    endpoint = Endpoint(url, "m", 5.0, most=1)
    found = await asyncio.gather(endpoint.embed(["x"]), endpoint.embed(["y"]), return_exceptions=True)
    await endpoint.close()
    assert [isinstance(each, EmbeddingAway) for each in found] == [False, True]


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"[]", b"{}", b'{"data": 1}', b'{"data": []}', b'{"data": [1]}', b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": 0, "embedding": "AAAA"}]}', b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": [0, 0]}]}', b'{"data": [{"index": 0, "embedding": [null]}]}',
        b'{"data": [{"index": 0, "embedding": [[1]]}]}', b'{"data": [{"index": 0, "embedding": [1e300]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}',
        b'{"data": [{"index": "x", "embedding": [1]}, {"index": 1, "embedding": [1]}]}',
    ],
)  # fmt: skip
def test_what_is_no_embedding_is_refused(answer: bytes) -> None:
    with pytest.raises(EmbeddingAway):
        vectors(answer, 1)


def test_an_answer_is_read() -> None:
    answer = json.dumps({"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}]}).encode()
    assert np.allclose(vectors(answer, 2), np.array([[0.6, 0.8], [0.0, 1.0]]))


def test_long_texts_are_not_known_to_be_seen_whole() -> None:
    endpoint = Endpoint("http://127.0.0.1:1/v1", "m", 1.0)
    assert endpoint.sees("x" * MAX_SEEN)
    assert not endpoint.sees("x" * (MAX_SEEN + 1))
    assert not endpoint.sees("\u00e9" * MAX_SEEN)


def test_a_fingerprint_is_of_url_and_model() -> None:
    made = {
        Endpoint(url, model, 1.0).fingerprint
        for url in ("http://a/v1", "http://a/v1/", "http://b/v1")
        for model in "mn"
    }
    assert len(made) == 4
