"""external.metrics.k8s.io as an HPA asks for it."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.support.authority import Authority
from tests.support.builders import key_of, model
from tidegate.control.external_metrics import application, context, endpoints, selected
from tidegate.plan.plan import ObjectKey
from tidegate.plan.scaling.account import Look
from tidegate.plan.scaling.decide import Decision
from tidegate.plan.scaling.state import State

LOOK = Look(1_800_000_000.0, 3, Decision(5, "Signal", "", (), State()), {"queue": 7.0, "kv": 2.1234})
ROOT = "/apis/external.metrics.k8s.io/v1beta1"


async def answer(path: str) -> Any:
    def newest(key: ObjectKey) -> Look | None:
        return LOOK if key == key_of(model("llama")) else None

    async with TestClient(TestServer(application(newest))) as client:
        found = await client.get(ROOT + path)
        assert found.status == 200
        return await found.json()


async def test_what_there_is() -> None:
    told = await answer("")
    assert [resource["name"] for resource in told["resources"]] == ["tidegate-desired-replicas", "tidegate-signal"]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/namespaces/shop/tidegate-desired-replicas?labelSelector=model%3Dllama", ["5000m"]),
        ("/namespaces/shop/tidegate-signal?labelSelector=model%3Dllama%2Csignal%3Dqueue", ["7000m"]),
        ("/namespaces/shop/tidegate-signal?labelSelector=model%3Dllama%2Csignal%3Dkv", ["2123m"]),
        ("/namespaces/shop/tidegate-signal?labelSelector=model%3Dllama%2Csignal%3Dttft", []),
        ("/namespaces/shop/tidegate-signal?labelSelector=model%3Dother%2Csignal%3Dqueue", []),
        ("/namespaces/other/tidegate-desired-replicas?labelSelector=model%3Dllama", []),
        ("/namespaces/shop/another?labelSelector=model%3Dllama", []),
        ("/namespaces/shop/tidegate-desired-replicas", []),
    ],
)
async def test_values(path: str, values: list[str]) -> None:
    told = await answer(path)
    assert told["kind"] == "ExternalMetricValueList"
    assert [item["value"] for item in told["items"]] == values
    assert {item["timestamp"] for item in told["items"]} <= {"2027-01-15T08:00:00Z"}


def test_selectors() -> None:
    assert selected("model=qwen, signal==queue") == {"model": "qwen", "signal": "queue"}
    assert selected("!x") == {}


def test_the_service_leads_to_one_pod() -> None:
    made = endpoints("tidegate-system", "tidegate-1", "10.0.0.9")
    assert made["metadata"]["labels"]["kubernetes.io/service-name"] == "tidegate-metrics"
    assert (made["addressType"], made["endpoints"][0]["addresses"]) == ("IPv4", ["10.0.0.9"])
    assert endpoints("a", "b", "fd00::1")["addressType"] == "IPv6"


async def test_a_renewed_certificate_is_shown_without_a_new_process(tmp_path: Path) -> None:
    """cert-manager's last 90 days; an operator that goes on with the first one is asked no more."""
    authority = Authority(tmp_path / "ca")

    def renewed() -> bytes:
        certificate, key = authority.files("IP:127.0.0.1")
        shutil.copy(key, tmp_path / "tls.key")
        shutil.copy(certificate, tmp_path / "tls.crt")
        return ssl.PEM_cert_to_DER_cert(certificate.read_text())

    async def shown() -> bytes:
        trusting = ssl.create_default_context(cadata=authority.pem.decode())
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2], ssl=trusting)
        found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return found

    first = renewed()
    made = context(str(tmp_path))
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=made) as server:
        assert await shown() == first
        second = renewed()
        await shown()
        assert await shown() == second
        (tmp_path / "tls.crt").write_text("nothing")
        await shown()
        assert await shown() == second
