"""Asking the API server as a Pod does: which address, which token, and whose word is believed."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from tidegate.brain import apiserver
from tidegate.brain.apiserver import ApiServer, NotInPod
from tidegate.names import api_server_url

LIMIT = aiohttp.ClientTimeout(total=30)


@asynccontextmanager
async def echoing(authority: trustme.CA) -> AsyncIterator[str]:
    """The URL of a server that answers with who asks, and for what."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.headers.get('authorization')} {request.path_qs}")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield site.name
    finally:
        await runner.cleanup()


def account(folder: Path, authority: trustme.CA, token: str) -> Path:
    """As kubelet writes it."""
    (folder / "token").write_text(token)
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    return folder


async def test_the_accounts_token_of_this_moment_is_shown(tmp_path: Path) -> None:
    authority = trustme.CA()
    async with echoing(authority) as url:
        api = ApiServer(url, account(tmp_path, authority, "first\n"))
        said = [await (await api.get("/api/v1/x", {"a": "b=c,d"}, LIMIT)).text()]
        (tmp_path / "token").write_text("second")
        said.append(await (await api.get("/api/v1/x", {}, LIMIT)).text())
        await api.close()
    assert said == ["Bearer first /api/v1/x?a=b%3Dc,d", "Bearer second /api/v1/x"]


async def test_only_the_clusters_authority_is_believed(tmp_path: Path) -> None:
    async with echoing(trustme.CA()) as url:
        api = ApiServer(url, account(tmp_path, trustme.CA(), "secret"))
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await api.get("/api/v1/x", {}, LIMIT)
        await api.close()


async def test_an_authority_that_is_replaced_is_believed_from_then_on(tmp_path: Path) -> None:
    first, second = trustme.CA(), trustme.CA()
    async with echoing(second) as url:
        api = ApiServer(url, account(tmp_path, first, "secret"))
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await api.get("/api/v1/x", {}, LIMIT)
        account(tmp_path, second, "secret")
        assert (await api.get("/api/v1/x", {}, LIMIT)).status == 200
        await api.close()


@pytest.mark.parametrize(
    ("host", "url"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_the_api_server_is_found_by_its_address(host: str, url: str) -> None:
    assert api_server_url({"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}) == url


@pytest.mark.parametrize(
    "environment", [{}, {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}]
)
async def test_outside_of_a_pod_it_says_so(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apiserver, "ACCOUNT", tmp_path / "none")
    with pytest.raises(NotInPod, match="a brain runs in a Pod, with its ServiceAccount's token"):
        ApiServer.of_pod(environment)
