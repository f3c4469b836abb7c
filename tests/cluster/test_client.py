"""Paths, and which error an answer becomes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client

from tidegate.cluster.client import METADATA_ONLY, Api, Invalid, NotFound, Refused, _error, path
from tidegate.cluster.metadata import ListedObject
from tidegate.errors import Conflict, Retry, Stall, Unavailable
from tidegate.plan.plan import ObjectKey

KEY = ObjectKey("v1", "ConfigMap", "shop", "conf")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("v1", "ConfigMap", "shop", "conf"), "/api/v1/namespaces/shop/configmaps/conf"),
        (("apps/v1", "Deployment", "shop"), "/apis/apps/v1/namespaces/shop/deployments"),
        (("v1", "Pod", None), "/api/v1/pods"),
        (
            ("tidegate.dev/v1alpha1", "CacheTier", "shop", "x", "status"),
            "/apis/tidegate.dev/v1alpha1/namespaces/shop/cachetiers/x/status",
        ),
    ],
)
def test_path(arguments: tuple[str, ...], expected: str) -> None:
    assert path(*arguments) == expected


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "bad", Refused),
        (401, "unauthorized", Unavailable),
        (403, "exceeded quota", Refused),
        (403, "unable to create: namespace shop is being terminated", Unavailable),
        (404, "not found", NotFound),
        (405, "no", Refused),
        (409, "modified", Conflict),
        (413, "too large", Refused),
        (415, "no", Refused),
        (422, "invalid", Invalid),
        (429, "slow down", Unavailable),
        (500, "oops", Unavailable),
        (503, "starting", Unavailable),
        (504, "timeout", Unavailable),
    ],
)
def test_error(status: int, message: str, kind: type[Exception]) -> None:
    error = _error(status, "PUT", "/x", json.dumps({"message": message}).encode())
    assert type(error) is kind
    assert message in str(error)


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b'"x"', b"{}", b"null", b"\xff\xfe"])
def test_an_error_that_is_no_status(text: bytes) -> None:
    assert type(_error(502, "GET", "/x", text)) is Unavailable
    assert type(_error(422, "GET", "/x", text)) is Invalid


def test_what_the_reconciler_does_about_it() -> None:
    assert issubclass(Refused, Stall)
    assert issubclass(NotFound, Conflict)
    assert issubclass(Conflict, Retry)


class Server:
    """Answers every request with the next prepared answer, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.asked: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(
            {
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "type": request.content_type,
                "accept": request.headers["Accept"],
                "body": await request.text(),
            }
        )
        return self.answers.pop(0)

    def says(self, body: object, status: int = 200) -> None:
        self.answers.append(web.json_response(body, status=status))


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, Api]]:
    """A plain HTTP server on the loopback, and our client for it."""
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    port = runner.addresses[0][1]
    configuration = client.Configuration()
    configuration.host = f"http://127.0.0.1:{port}"
    async with client.ApiClient(configuration) as api_client:
        yield made, Api(api_client)
    await runner.cleanup()


async def test_get(server: tuple[Server, Api]) -> None:
    answers, api = server
    answers.says({"kind": "ConfigMap"})
    answers.says({"message": "no"}, status=404)
    assert await api.get(KEY) == {"kind": "ConfigMap"}
    assert await api.get(KEY) is None
    assert api.writes == 0


async def test_writes(server: tuple[Server, Api]) -> None:
    answers, api = server
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "shop", "name": "conf"}}
    for _ in range(5):
        answers.says({})
    await api.create(manifest)
    await api.server_side_apply(manifest)
    await api.json_patch(KEY, [{"op": "replace", "path": "/a", "value": 1}])
    await api.merge_status(KEY, {"status": {}})
    await api.delete(KEY, "uid")
    assert [(a["method"], a["path"].rpartition("/")[2], a["type"]) for a in answers.asked] == [
        ("POST", "configmaps", "application/json"),
        ("PATCH", "conf", "application/apply-patch+yaml"),
        ("PATCH", "conf", "application/json-patch+json"),
        ("PATCH", "status", "application/merge-patch+json"),
        ("DELETE", "conf", "application/json"),
    ]
    assert answers.asked[1]["query"] == {"fieldManager": "tidegate", "force": "true"}
    assert json.loads(answers.asked[4]["body"])["preconditions"] == {"uid": "uid"}
    assert api.writes == 5


async def test_deleting_what_is_gone(server: tuple[Server, Api]) -> None:
    answers, api = server
    answers.says({}, status=404)
    await api.delete(KEY, "uid")
    answers.says({"message": "uid mismatch"}, status=409)
    with pytest.raises(Conflict):
        await api.delete(KEY, "uid")


async def test_lists(server: tuple[Server, Api]) -> None:
    answers, api = server
    meta = {"namespace": "shop", "name": "a", "uid": "u", "resourceVersion": "5"}
    answers.says({"items": [{"metadata": {**meta, "managedFields": [{"manager": "x"}]}}]})
    answers.says({}, status=404)
    assert await api.list_metadata("v1", "Pod", "a=b") == [ListedObject.model_validate(meta)]
    assert await api.list_metadata("monitoring.coreos.com/v1", "PodMonitor") == []
    assert answers.asked[0]["accept"] == METADATA_ONLY
    assert answers.asked[0]["query"] == {"resourceVersion": "0", "labelSelector": "a=b"}


async def test_serves(server: tuple[Server, Api]) -> None:
    answers, api = server
    answers.says({"resources": [{"kind": "PodMonitor"}]})
    answers.says({"resources": [{"kind": "ServiceMonitor"}]})
    answers.says({}, status=404)
    assert [await api.serves("monitoring.coreos.com/v1", "PodMonitor") for _ in range(3)] == [True, False, False]


async def test_an_answer_that_is_no_json(server: tuple[Server, Api]) -> None:
    answers, api = server
    answers.answers.append(web.Response(text="<html>", content_type="text/html"))
    with pytest.raises(Unavailable, match="not JSON"):
        await api.get(KEY)


async def test_lists_of_nothing(server: tuple[Server, Api]) -> None:
    """`items` of an empty PartialObjectMetadataList is null."""
    answers, api = server
    answers.says({"items": None})
    assert await api.list_metadata("v1", "Pod") == []
    answers.says({"items": None})
    assert await api.list_objects("v1", "Pod") == []


async def test_lists_that_are_none(server: tuple[Server, Api]) -> None:
    """Something between us and the API server answers in its stead."""
    answers, api = server
    for body in ("<html>", "{}", '{"items": [{"metadata": {"name": "a"}}]}'):
        answers.answers.append(web.Response(text=body))
        with pytest.raises(Unavailable, match="no list of metadata"):
            await api.list_metadata("v1", "Pod")


async def test_nobody_listens() -> None:
    configuration = client.Configuration()
    configuration.host = "http://127.0.0.1:9"
    async with client.ApiClient(configuration) as api_client:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(Api(api_client).get(KEY), 10)
