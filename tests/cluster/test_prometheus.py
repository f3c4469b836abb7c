"""Asking Prometheus: every way in which there is no answer, from servers that misbehave. test_prometheus_real.py asks a real one."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tidegate.cluster import prometheus
from tidegate.cluster.prometheus import MOST_BYTES, MOST_SERIES, Access, Prometheus
from tidegate.plan.samples import Measurement

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN = "sesame-open"


@asynccontextmanager
async def asking(access: Access) -> AsyncIterator[Prometheus]:
    made = Prometheus(access)
    yield made
    made.close()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server on the loopback that answers everything so; gives its URL."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def says(status: int = 200, text: str = "", **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return handler


def result(result: Any, **more: Any) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}, **more})


async def asked(handler: Handler, **access: Any) -> Measurement:
    """What becomes of one query; the server's address is left out."""
    async with serving(handler) as url, asking(Access(url, **access)) as one:
        found = await one.query("up")
    assert TOKEN not in repr(found)
    return replace(found, error=found.error.replace(url, "URL"))


def failed(kind: str, words: str) -> str:
    return json.dumps({"status": "error", "errorType": kind, "error": words})


@pytest.mark.parametrize(
    ("handler", "fault", "words"),
    [
        (says(401), "refused", "refuses us (401 Unauthorized); give it a token that it takes (prometheus.bearerTokenFile)"),
        (says(403, "no"), "refused", "refuses us (403 Forbidden); give it a token that it takes (prometheus.bearerTokenFile)"),
        (says(302, Location="/login"), "stranger", "is no Prometheus: what is there answers 302 Found; correct prometheus.url"),
        (says(404), "stranger", "is no Prometheus: what is there answers 404 Not Found; correct prometheus.url"),
        (says(200, "<html>"), "stranger", "is no Prometheus: what is there answers 200 OK; correct prometheus.url"),
        (says(200, "[1]"), "stranger", "is no Prometheus: what is there answers 200 OK; correct prometheus.url"),
        (says(200, '{"status":"success"}'), "stranger", "is no Prometheus: what is there answers 200 OK; correct prometheus.url"),
        (says(299, result([])), "stranger", "is no Prometheus: what is there answers 299; correct prometheus.url"),
        (says(400, failed("bad_data", "1:5: parse error")), "query", "cannot answer this query: 1:5: parse error"),
        (says(422, failed("execution", "many-to-many")), "query", "cannot answer this query: many-to-many"),
        (says(503, failed("timeout", "query timed out")), "unreachable", "fails to answer: query timed out"),
        (says(500, failed("internal", "disk")), "unreachable", "fails to answer: disk"),
        (says(503, "Service Unavailable"), "unreachable", "is not ready to answer (503 Service Unavailable)"),
        (says(429), "unreachable", "is not ready to answer (429 Too Many Requests)"),
        (says(502, "<html>"), "unreachable", "is not ready to answer (502 Bad Gateway)"),
        (says(200, result(["1", "text"])), "query", "gives no numbers to this query, but text or native histograms"),
        (says(200, result([{"metric": {}, "histogram": [1, {}]}])), "query", "gives no numbers to this query, but text or native histograms"),
        (
            says(200, result([{"metric": {}, "value": [1, "1"]}] * (MOST_SERIES + 1))),
            "query",
            "gives more than 1,000 series to this query; let it select less, or sum up",
        ),
        (says(200, " " * (MOST_BYTES + 1)), "query", "gives more than 16 MiB to this query; let it select less, or sum up"),
        (says(400, failed("bad_data", "x" * 5000)), "query", f"cannot answer this query: {'x' * 300}"),
    ],
)  # fmt: skip
async def test_no_answer(handler: Handler, fault: Any, words: str) -> None:
    assert await asked(handler) == Measurement(fault=fault, error=f"Prometheus at URL {words}")


async def test_series_as_they_are_and_warnings() -> None:
    series = [
        {"metric": {"__name__": "up", "pod": "a"}, "value": [12.5, "3"]},
        {"metric": {}, "values": [[1, "NaN"], [2, "+Inf"]]},
    ]
    found = await asked(says(200, result(series, warnings=["a part is missing"], infos=["no counter?"])))
    assert (found.fault, found.error, found.warnings) == ("", "", ("a part is missing",))
    assert found.series[0].labels == {"__name__": "up", "pod": "a"}
    assert repr([each.points for each in found.series]) == "[((12.5, 3.0),), ((1.0, nan), (2.0, inf))]"


async def test_a_scalar_is_a_series_without_labels() -> None:
    [found] = (await asked(says(200, result([12.5, "3"])))).series
    assert (found.labels, found.points) == ({}, ((12.5, 3.0),))


async def test_what_is_sent(tmp_path: Path) -> None:
    """Exact times, limits, and the token as it is in the file at that moment."""
    seen: list[tuple[str, str]] = []
    token = tmp_path / "token"

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path_qs, request.headers.get("Authorization", "")))
        return web.Response(text=result([]))

    async with serving(handler) as url, asking(Access(f"{url}/tenant", str(token), timeout=7)) as one:
        token.write_text("first\n")
        await one.query("up", at=12.345)
        token.write_text("second\n")
        await one.query_range("up", 1.5, 9.25, 30)
    limits = f"timeout=7s&limit={MOST_SERIES + 1}"
    assert seen == [
        (f"/tenant/api/v1/query?query=up&time=12.345&{limits}", "Bearer first"),
        (f"/tenant/api/v1/query_range?query=up&start=1.5&end=9.25&step=30&{limits}", "Bearer second"),
    ]


async def test_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert await asked(says(200, result([]))) == Measurement()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe", "cannot be read: it is no text"),
        (b"", "holds no token"),
        (f"{TOKEN}\n{TOKEN}".encode(), "holds no token"),
        (f"{TOKEN} {TOKEN}".encode(), "holds no token"),
    ],
)
async def test_a_token_that_is_none(tmp_path: Path, text: bytes | None, words: str) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_bytes(text)
    found = await asked(says(), token_file=str(file))
    assert found == Measurement(fault="setup", error=f"Prometheus at URL is not asked: {file} {words}")


async def test_authorities_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    async with asking(Access("https://127.0.0.1:1", ca_file=str(file))) as one:
        assert (await one.query("up")).error.endswith(f"is not asked: {file} cannot be read: No such file or directory")
        file.write_text("no certificate")
        found = await one.query("up")
    assert (found.fault, found.error) == (
        "setup",
        f"Prometheus at https://127.0.0.1:1 is not asked: {file} holds no certificate",
    )


async def test_nobody_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        async with asking(Access(url)) as one:
            found = await one.query("up")
    assert found == Measurement(fault="unreachable", error=f"Prometheus at {url} cannot be reached: Connection refused")


async def test_a_name_that_does_not_exist() -> None:
    async with asking(Access("http://prometheus.invalid:9090")) as one:
        found = await one.query("up")
    assert found.fault == "unreachable"
    assert found.error.startswith("Prometheus at http://prometheus.invalid:9090 cannot be reached: ")


async def test_an_answer_that_breaks_off() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b'{"status":')
        assert request.transport
        request.transport.abort()
        return answer

    found = await asked(handler)
    assert (found.fault, found.error.startswith("Prometheus at URL cannot be reached: ")) == ("unreachable", True)


async def _never(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


async def _drop_by_drop(request: web.Request) -> web.StreamResponse:
    """No pause between two bytes is as long as the time-out."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(200):
        await answer.write(b" ")
        await asyncio.sleep(0.05)
    return answer


@pytest.mark.parametrize("handler", [_never, _drop_by_drop])
async def test_the_time_out_is_for_the_whole(handler: Handler) -> None:
    begin = time.monotonic()
    async with serving(handler) as url, asking(Access(url, timeout=0.3)) as one:
        found = await one.query("up")
        took = time.monotonic() - begin
        assert took < 5
        assert found == Measurement(fault="unreachable", error=f"Prometheus at {url} did not answer within 0.3 s")


async def test_the_loop_goes_on_meanwhile_and_threads_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "AT_ONCE", 2)
    under_way, most = 0, 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)
        under_way -= 1
        return web.Response(text=result([]))

    async with serving(handler) as url, asking(Access(url)) as one:
        assert await asyncio.gather(*(one.query("up") for _ in range(8))) == [Measurement()] * 8
    assert most == 2
