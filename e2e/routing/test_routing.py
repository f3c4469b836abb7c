"""Promise: the body's model decides who answers, weights hold, changes are live without a lost request."""

from __future__ import annotations

import base64
import json
from collections import Counter
from functools import partial
from typing import Any

import httpx
import pytest

from e2e.harness import Load, Object, Place, model, policy, since

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def models(shared_place: Place) -> Place:
    """Two models, one with a LoRA adapter, behind the two routers of one policy."""
    adapters = [{"name": "support-tone", "uri": "hf://acme/support-lora"}]
    shared_place.apply(model("small", model={"adapters": adapters}), model("large"), _policy(9, 1))
    shared_place.ready("mdep/small", "mdep/large")
    return shared_place


@pytest.fixture
def pair(models: Place) -> Place:
    """The same, with the policy that all tests begin with."""
    models.apply(_policy(9, 1))
    models.ready("rpol/front")
    return models


def _policy(small: int, large: int, **router: Any) -> dict[str, Any]:
    weighted: list[Object] = [{"name": "small", "weight": small}, {"name": "large", "weight": large}]
    adapted: list[Object] = [{"name": "small", "adapter": "support-tone"}]
    only: list[Object] = [{"name": "small"}]
    routes = {"chat": weighted, "support": adapted, "small": only, "tide": only}
    return policy(routes=routes, router={"replicas": 2, **router})


def _ask(url: str, body: str, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
    sent = {"content-type": "application/json"} | headers
    return httpx.post(f"{url}{path}", content=body, headers=sent, timeout=30)


def test_weights_and_their_change(pair: Place) -> None:
    load = Load(pair.router())
    with load.running(streams=2, tokens=5, short=8) as tally:
        pair.wait(lambda: tally.answers[200] > 0, "the load runs")
        _until(load, pair, 400)
        share = tally.backends["large"] / sum(tally.backends.values())
        assert 0.02 < share < 0.2, tally.backends  # of 400, once in a hundred million times it is not
        pair.apply(_policy(0, 1))
        pair.ready("rpol/front")
        before = Counter(tally.backends)
        _until(load, pair, tally.answers[200] + 200)
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    assert since(tally.backends, before)["small"] <= 10, (
        "requests under way while the weights changed may still count here"
    )


def _until(load: Load, place: Place, answers: int) -> None:
    place.wait(lambda: load.tally.answers[200] >= answers or load.tally.failed, f"{answers} answers")


def test_adapter_by_its_name(pair: Place) -> None:
    answer = _ask(
        pair.router(),
        json.dumps({"model": "support", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}),
    )
    assert answer.json()["model"] == "support-tone"
    pair.apply(policy(routes={"support": [{"name": "small", "adapter": "nobody"}]}, replicas=2))
    pair.wait(
        lambda: "has no adapter 'nobody'" in pair.condition("rpol/front", "ResolvedRefs")["message"], "it is missed"
    )


EXACT = [
    '{"model":"tide","messages":[],"seed":9007199254740993,"temperature":1.0}',
    '{ "messages" : [{"role":"user","content":"\\"model\\": \\"x\\" } \\u00e9 \\\\"}], "tools": [{"model":"inner"}], "model" : "tide" , "n":1e0}',
    '{"seed":1,"model":"ti\\u0064e","messages":[]}',
]


def test_bodies_are_byte_exact_but_for_the_model(pair: Place) -> None:
    url = pair.router()
    [pod] = pair.items("pods", "tidegate.dev/model=small")
    engine = pair.cluster.forward(pair.name, f"pod/{pod['metadata']['name']}", 8000)
    for body in EXACT:
        _ask(url, body)
        seen = httpx.get(f"{engine}/sim/state", timeout=30).json()
        received = base64.b64decode(seen["last"]["body_base64"]).decode()
        assert received == body.replace('"tide"', '"small"').replace('"ti\\u0064e"', '"small"')


REFUSED = [
    ('{"model":"nope","messages":[]}', "/v1/chat/completions", 404, "does not exist"),
    ("not json", "/v1/chat/completions", 400, "JSON object"),
    ("", "/v1/chat/completions", 400, "JSON object"),
    ('{"messages":[]}', "/v1/chat/completions", 400, "model parameter"),
    ('{"model":["chat"]}', "/v1/chat/completions", 400, "must be a string"),
    ('{"model":"chat","x":{"y":1},"model":"chat"}', "/v1/chat/completions", 400, "twice"),
    ('{"x":1,"model":"chat"', "/v1/chat/completions", 400, "not valid JSON"),
    ('{"model":"chat","messages":[}', "/v1/chat/completions", 400, ""),
    ('{"model":"chat"}', "/v1/load_lora_adapter", 404, "no such path"),
    ('{"model":"chat","pad":"' + "x" * (17 << 20) + '"}', "/v1/chat/completions", 413, "at most 16 MiB"),
]


def test_refusals_are_openai_errors(pair: Place) -> None:
    url = pair.router()
    for body, path, status, message in REFUSED:
        answer = _ask(url, body, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, status), body[:80]
        assert message in answer.json()["error"]["message"], body[:80]
    spoofed = _ask(url, '{"model":"nope"}', **{"x-tidegate-in-model": "chat", "x-tidegate-in-splice": "1-2"})
    assert spoofed.status_code == 404
    assert httpx.get(f"{url}/v1/models/nope", timeout=30).status_code == 404
    assert httpx.get(f"{url}/v1/chat/completions", timeout=30).status_code == 405


PATHS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/completions": {"prompt": "Hi"},
    "/v1/responses": {"input": "Hi"},
    "/v1/messages": {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3},
    "/tokenize": {"prompt": "Hi"},
}


def test_every_api_of_the_engine_passes(pair: Place) -> None:
    url = pair.router()
    for path, body in PATHS.items():
        answer = httpx.post(f"{url}{path}", json={"model": "small", **body}, timeout=30)
        assert answer.status_code == 200, (path, answer.text)
    pooling = model("embedder", engine={"args": ["--runner", "pooling", "--convert", "embed"]})
    pair.apply(pooling, policy(routes={"embed": [{"name": "embedder"}]}, replicas=2))
    pair.ready("mdep/embedder", "rpol/front")
    pair.wait(
        lambda: _ask(url, '{"model": "embed", "input": "Hi"}', "/v1/embeddings").status_code == 200,
        "it embeds",
    )


def test_pages_may_ask_at_once_and_no_router_is_replaced(pair: Place) -> None:
    url, asking = pair.router(), {"origin": "https://chat.example.com", "access-control-request-method": "POST"}
    routers = {pod["metadata"]["uid"] for pod in pair.items("pods", "tidegate.dev/policy=front")}

    def statuses() -> set[int]:
        """Of enough tries that each router was asked."""
        return {httpx.options(f"{url}/v1/chat/completions", headers=asking, timeout=30).status_code for _ in range(12)}

    assert statuses() == {405}
    pair.apply(_policy(9, 1, cors={"allowOrigins": ["https://*.example.com"]}))
    pair.wait(lambda: statuses() == {200}, "the page may ask")
    pair.apply(_policy(9, 1))
    pair.wait(lambda: statuses() == {405}, "it may not any more")
    assert {pod["metadata"]["uid"] for pod in pair.items("pods", "tidegate.dev/policy=front")} == routers


def test_engines_come_and_go_without_a_lost_request(place: Place) -> None:
    place.apply(model(replicas=3), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    load = Load(place.router())
    with load.running(streams=6, tokens=60, short=4) as tally:
        for _ in range(2):
            first = place.items("pods", "tidegate.dev/model=small")[0]["metadata"]["name"]
            place.kubectl("delete", "pod", first, "--wait=false")
            place.wait(partial(_replaced, place, first), "it is replaced")
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


def _replaced(place: Place, name: str) -> bool:
    if place.get("mdep/small")["status"]["readyReplicas"] != 3:
        return False
    return name not in {pod["metadata"]["name"] for pod in place.items("pods")}


def test_routers_roll_without_a_lost_request(pair: Place) -> None:
    before = {pod["metadata"]["name"] for pod in pair.items("pods", "tidegate.dev/policy=front")}
    load = Load(pair.router())
    with load.running(streams=6, tokens=60, short=4) as tally:
        pair.kubectl("rollout", "restart", "deploy/front-router")
        pair.wait(
            lambda: before.isdisjoint(
                pod["metadata"]["name"] for pod in pair.items("pods", "tidegate.dev/policy=front")
            ),
            "all are new",
        )
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
