"""The route table, the two Lua filters, retries and refusals, in a real Envoy."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.envoy.conftest import Engines, RealEnvoy, config, sticky

pytestmark = pytest.mark.envoy
CHAT = "/v1/chat/completions"

REFUSED = [
    ("", 400, "must be a JSON object"),
    ("[]", 400, "must be a JSON object"),
    ("nonsense", 400, "must be a JSON object"),
    ("{}", 400, "model parameter"),
    ('{"messages":[{"model":"chat"}]}', 400, "model parameter"),
    ('{"model":1}', 400, "must be a string"),
    ('{"model":null}', 400, "must be a string"),
    ('{"x":1,"model":"chat","model":"chat"}', 400, "twice"),
    ('{"model":"chat","mode\\u006c":"chat"}', 400, "twice"),
    ('{"x":"never ends', 400, "not valid JSON"),
    ('{"x":[}', 400, ""),
    ('{"x":1}}', 400, ""),
    ('{"model":"other"}', 404, "does not exist"),
    ('{"model":"ch\\u00e9"}', 404, "does not exist"),
    ('{"model":""}', 404, "does not exist"),
    ('{"model":"%"}', 404, "does not exist"),
    ('{"model":"' + "x" * 5000 + '"}', 404, "does not exist"),
    ('{"model":"a\\r\\nb"}', 404, "does not exist"),
    ("[" * 10_000 + "]" * 10_000, 400, "must be a JSON object"),
    ('{"x":' + "[" * 9_999 + "]" * 9_999 + ',"model":"other"}', 404, "does not exist"),
    ('{"x":' + "[" * 10_000 + "]" * 10_000 + ',"model":"other"}', 400, "nested deeper than 10,000 levels"),
]


def test_what_the_router_answers_itself(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    envoy.offer(config({"chat": {"a": 1}, "nobody": {}}), {"a": [engine]})
    for body, status, message in REFUSED:
        answer = envoy.client.post(CHAT, content=body)
        said = answer.json()["error"]
        assert (answer.status_code, said["code"]) == (status, status), body[:60]
        assert message in said["message"], body[:60]
        assert answer.headers["content-type"] == "application/json"
    assert envoy.client.get("/v1/models").json()["data"] == [
        {"id": name, "object": "model", "created": 0, "owned_by": "tidegate"} for name in ("chat", "nobody")
    ]
    assert envoy.client.get("/v1/models/chat").json()["id"] == "chat"
    assert envoy.client.get("/v1/models/none").status_code == 404
    assert envoy.client.get("/healthz").text == "ok\n"
    assert envoy.client.get(CHAT).status_code == 405
    assert envoy.client.post("/collective_rpc", content='{"model":"chat"}').status_code == 404
    nobody = envoy.client.post(CHAT, content='{"model":"nobody"}')
    assert (nobody.status_code, nobody.headers["retry-after"]) == (503, "5")
    assert engine.bodies == []


def test_too_large_and_no_engine(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    envoy.offer(config({"chat": {"a": 1}, "empty": {"b": 1}}), {"a": [engine], "b": []})
    fits = '{"model":"chat","pad":"' + "x" * (15 << 20) + '"}'
    assert envoy.client.post(CHAT, content=fits).status_code == 200
    assert len(engine.bodies[0]) == len(fits) + len("served-a") - len("chat")
    large = envoy.client.post(CHAT, content='{"model":"chat","pad":"' + "x" * (17 << 20) + '"}')
    assert (large.status_code, large.json()["error"]["type"]) == (413, "RequestTooLarge")
    empty = envoy.client.post(CHAT, content='{"model":"empty"}')
    assert (empty.status_code, empty.headers["retry-after"]) == (503, "5")
    assert empty.json()["error"]["message"] == "No engine of this model is ready; try again."


def test_decision_headers_are_ours(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engine]})
    spoofed = {
        "x-tidegate-in-model": "chat",
        "x-tidegate-in-splice": "1-9",
        "x-tidegate-in-draining": "1",
        "x-tidegate-user": "me",
    }
    assert envoy.client.post(CHAT, content='{"model":"other"}', headers=spoofed).status_code == 404
    answer = envoy.client.post(CHAT, content='{"model":"chat"}', headers=spoofed)
    told = {name: answer.headers[f"x-tidegate-{name}"] for name in ("backend", "revision", "decision")}
    assert told == {"backend": "a", "revision": "r1", "decision": "to-chat"}
    assert engine.bodies == [b'{"model":"served-a"}']
    assert engine.headers[0]["x-tidegate-in-splice"] != "1-9"
    assert engine.headers[0]["x-tidegate-user"] == "me"


TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ['"model"', '{"model": "x"}', "\\", '\\"', "model", '"model":"chat"', "}", "]]", "\u0000", "\\u006d"]
)
KEYS = TEXT.filter(lambda key: key != "model") | st.sampled_from(["messages", "modelx", "Model"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just("model"), inner, max_size=3),
    max_leaves=8,
)
SPACES = st.sampled_from(["", " ", "\n", "\t ", "  \r\n"])


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, str]:
    """A JSON object with `chat` as its top-level model somewhere, and the same with `served-a` in its place."""
    members = draw(st.dictionaries(KEYS, VALUES, max_size=4))
    ascii_only = draw(st.booleans())
    texts = [
        f"{json.dumps(k, ensure_ascii=ascii_only)}{draw(SPACES)}:{draw(SPACES)}{json.dumps(v, ensure_ascii=ascii_only)}"
        for k, v in members.items()
    ]
    key = draw(st.sampled_from(['"model"', '"mod\\u0065l"', '"\\u006dodel"']))
    before, after = draw(SPACES), draw(SPACES)
    place = draw(st.integers(0, len(texts)))

    def written(name: str) -> str:
        entry = f"{key}{before}:{after}{name}"
        joined = f"{after},{before}".join([*texts[:place], entry, *texts[place:]])
        return f"{before}{{{after}{joined}{before}}}{after}"

    public = draw(st.sampled_from(['"chat"', '"ch\\u0061t"', '"\\u0063hat"']))
    return written(public), written('"served-a"')


def test_any_json_is_passed_on_byte_for_byte_but_for_the_model(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engine]})

    @settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(bodies())
    def holds(pair: tuple[str, str]) -> None:
        sent, wanted = pair
        answer = envoy.client.post(CHAT, content=sent.encode())
        assert answer.status_code == 200, (sent, answer.text)
        assert engine.bodies.pop() == wanted.encode()

    holds()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\ modelchatu0', max_size=60).map(str.encode))
def _garbage(body: bytes) -> None:
    answer = _ENVOY[0].client.post(CHAT, content=body)
    assert answer.status_code in (200, 400, 404), body
    if answer.status_code != 200:
        assert answer.json()["error"]["code"] == answer.status_code


_ENVOY: list[RealEnvoy] = []


def test_garbage_is_answered_and_harms_nobody(envoy: RealEnvoy, engines: Engines) -> None:
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    _ENVOY[:] = [envoy]
    _garbage()
    assert envoy.client.post(CHAT, content='{"model":"chat"}').status_code == 200


def test_weights(envoy: RealEnvoy, engines: Engines) -> None:
    a, b = engines.start(), engines.start()
    envoy.offer(config({"chat": {"a": 3, "b": 1}}), {"a": [a], "b": [b]})
    seen = Counter(
        envoy.client.post(CHAT, content='{"model":"chat"}').headers["x-tidegate-backend"] for _ in range(400)
    )
    assert 0.62 < seen["a"] / 400 < 0.87, seen  # once in a hundred million times it is not
    envoy.offer(config({"chat": {"b": 1}}), {"b": [b]})
    assert {envoy.client.post(CHAT, content='{"model":"chat"}').headers["x-tidegate-backend"] for _ in range(20)} == {
        "b"
    }


def test_clients_stay_with_one_target(envoy: RealEnvoy, engines: Engines) -> None:
    """As the last target's share grows some clients move to it, and none back; who is nobody goes by the weights."""
    a, b = engines.start(), engines.start()

    def asked(weight: int) -> dict[str, str]:
        envoy.offer(sticky(config({"chat": {"a": 100 - weight, "b": weight}}), "x-user-id"), {"a": [a], "b": [b]})
        users = [f"user-{i}" for i in range(100)]
        answers = {u: envoy.client.post(CHAT, content='{"model":"chat"}', headers={"x-user-id": u}) for u in users}
        return {user: answer.headers["x-tidegate-backend"] for user, answer in answers.items()}

    first, again, more = asked(10), asked(10), asked(50)
    assert first == again
    assert 2 <= Counter(first.values())["b"] <= 25
    assert 35 <= Counter(more.values())["b"] <= 65
    assert {user for user, backend in first.items() if backend == "b"} <= {
        u for u, backend in more.items() if backend == "b"
    }
    anonymous = {envoy.client.post(CHAT, content='{"model":"chat"}').headers["x-tidegate-backend"] for _ in range(40)}
    assert anonymous == {"a", "b"}


def test_a_client_is_known_by_its_key_or_its_address(envoy: RealEnvoy, engines: Engines) -> None:
    a, b = engines.start(), engines.start()
    wanted = sticky(config({"chat": {"a": 1, "b": 1}}), "authorization", "x-api-key", address=True)
    envoy.offer(wanted, {"a": [a], "b": [b]})

    def backends(headers: dict[str, str]) -> set[str]:
        answers = [envoy.client.post(CHAT, content='{"model":"chat"}', headers=headers) for _ in range(12)]
        return {answer.headers["x-tidegate-backend"] for answer in answers}

    assert len(backends({})) == 1, "one address"
    keys = [backends({"authorization": f"Bearer {i}"}) for i in range(12)] + [
        backends({"x-api-key": f"{i}"}) for i in range(12)
    ]
    assert {len(each) for each in keys} == {1}
    assert set.union(*keys) == {"a", "b"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_engine_is_left_for_another(envoy: RealEnvoy, engines: Engines, status: int) -> None:
    busy, free = engines.start(), engines.start()
    busy.status = status
    envoy.offer(config({"chat": {"a": 1}}), {"a": [busy, free]})
    answers = [envoy.client.post(CHAT, content='{"model":"chat","n":1}') for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert busy.bodies, "it was asked"
    assert set(free.bodies) == {b'{"model":"served-a","n":1}'}


def test_a_draining_engine_is_left_even_without_retries(envoy: RealEnvoy, engines: Engines) -> None:
    draining, free = engines.start(), engines.start()
    draining.status, draining.close = 500, True
    none = {"attempts": 0, "codes": (), "reasons": (), "backoff_seconds": 0.005}
    wanted = config({"chat": {"a": 1}})
    wanted = wanted.model_copy(update={"retry": wanted.retry.model_copy(update=none)})
    envoy.offer(wanted, {"a": [draining, free]})
    assert {envoy.client.post(CHAT, content='{"model":"chat"}').status_code for _ in range(10)} == {200}
    draining.close = False
    seen = Counter(envoy.client.post(CHAT, content='{"model":"chat"}').status_code for _ in range(10))
    assert seen[500] == 5, "an error that is no drain is the client's"


def test_dead_engines_are_left_for_others(envoy: RealEnvoy, engines: Engines) -> None:
    free = engines.start()
    from tests.envoy.conftest import Engine
    from tests.support.ports import free_port

    dead = Engine(free_port())
    envoy.offer(config({"chat": {"a": 1}}), {"a": [dead, free]})
    assert {envoy.client.post(CHAT, content='{"model":"chat"}').status_code for _ in range(10)} == {200}


def test_metrics_name_destinations_in_a_label(envoy: RealEnvoy, engines: Engines) -> None:
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    assert envoy.client.post("/v1/chat/completions", json={"model": "chat"}).status_code == 200
    text = envoy.metrics()
    assert 'envoy_cluster_upstream_rq_completed{envoy_cluster_name="a-r1"} 1' in text
    assert "_r1_" not in text
