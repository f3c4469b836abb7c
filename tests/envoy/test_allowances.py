"""Requests that limits let pass without a question, through a real Envoy and a decision server: fewer questions, and the same answers."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product
from pathlib import Path
from struct import Struct
from typing import Any

import pytest
from aiohttp import web

from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.hostile.wire import CHAT
from tests.envoy.native.test_keys import BOTH, OTHER
from tests.envoy.test_decide import Brain, brain
from tests.envoy.test_limits import limited, post, requests, tokens
from tests.envoy.waiting import until
from tests.support.patience import hasty, patient_waits
from tidegate.brain.limits.pace import LATELY
from tidegate.brain.native import built
from tidegate.contract.observation import Observation
from tidegate.envoy.limiting import LEDGER

__all__ = ["brain", "hasty", "patient_waits"]
pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(not built(), reason="allowances are the native filters': make native"),
]
SLOT = Struct(">QQQ")
PAUSE = LATELY / 1000 + 0.2
"""Seconds after which a client is given nothing in advance, and what it was given is free again."""


def questions(envoy: RealEnvoy) -> int:
    """That the brain was asked."""
    return int(envoy.stat("cluster.brain.upstream_rq_total"))


def taken(folder: Path) -> list[int]:
    """Requests of each allowance, as Envoy has written them down."""
    return [count for identity, count, _ in SLOT.iter_unpack((folder / LEDGER).read_bytes()) if identity]


def test_who_asks_often_is_asked_about_rarely(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    engine, wanted = engines.start(), limited(requests(10_000, window=3600))
    envoy.offer(wanted, {"a": [engine]}, BOTH)
    brain.follow(wanted, "a")
    told = [post(envoy) for _ in range(200)]
    assert {answer.status_code for answer in told} == {200}
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in told} == {"10000"}
    left = [int(answer.headers["x-ratelimit-remaining-requests"]) for answer in told]
    assert left[0] == 9999
    assert Counter(before - after for before, after in pairwise(left)).most_common(1)[0][0] == 1
    assert questions(envoy) < 200
    assert not [name for answer in told for name in answer.headers if "allowance" in name]
    assert post(envoy, OTHER).headers["x-ratelimit-remaining-requests"] == "9999"


def test_exactly_as_many_as_the_limit_says(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    engine, wanted = engines.start(), limited(requests(600, window=3600))
    envoy.offer(wanted, {"a": [engine]}, BOTH)
    brain.follow(wanted, "a")

    def some(_: int) -> Counter[int]:
        return Counter(post(envoy).status_code for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        told = sum(pool.map(some, range(8)), Counter[int]())
    asked = questions(envoy)

    def all_of_it() -> bool:
        told[post(envoy).status_code] += 1
        return told[200] >= 600

    # what one of them held when others were refused is free a second later
    until(all_of_it)
    assert {post(envoy).status_code for _ in range(20)} == {429}
    assert told[200] == 600
    assert asked < 800, "some passed without a question"


async def using_seven(request: web.Request) -> web.StreamResponse:
    """An engine's answer that says what it used."""
    await request.read()
    return web.json_response({"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})


def test_tokens_are_settled_as_if_they_had_been_asked_about(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    engine, amount = engines.start(), 1_000_000
    engine.answer = using_seven
    wanted = limited(tokens(amount, window=3600), observation=Observation(records=100.0))
    envoy.offer(wanted, {"a": [engine]}, BOTH)
    brain.follow(wanted, "a")
    for _ in range(100):
        assert post(envoy).status_code == 200
    assert questions(envoy) < 100
    deadline, count, own = time.monotonic() + 60, 100, len(b'{"model":"chat","max_tokens":16}') // 4 + 16
    while True:
        used = amount - int(post(envoy).headers["x-ratelimit-remaining-tokens"])
        assert used >= 7 * count + own, "what an engine used is counted"
        if used == 7 * count + own:
            break
        assert time.monotonic() < deadline, (used, count)
        time.sleep(PAUSE)
        count += 1


@pytest.mark.parametrize("body", [{"max_tokens": 0}, {"max_completion_tokens": 70, "n": 3}, {"user": "x" * 999}])
def test_an_allowance_costs_what_a_question_does(
    envoy: RealEnvoy, engines: Engines, brain: Brain, body: dict[str, Any]
) -> None:
    wanted = limited(tokens(10_000_000, window=3600))
    envoy.offer(wanted, {"a": [engines.start()]}, BOTH)
    brain.follow(wanted, "a")
    left = [int(post(envoy, body=body).headers["x-ratelimit-remaining-tokens"]) for _ in range(40)]
    asked = questions(envoy)
    costs = Counter(before - after for before, after in pairwise(left))
    assert asked < 40
    assert costs.most_common(1)[0][0] == 10_000_000 - left[0]


def test_streams_of_other_paths_and_models_have_their_own(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    limits = limited(requests(10_000, per="Policy", window=3600))
    engine = engines.start()
    wanted = config({"chat": {"a": 1}, "other": {"a": 1}}, api_keys=limits.api_keys, limits=limits.limits)
    envoy.offer(wanted, {"a": [engine]}, BOTH)
    brain.follow(wanted, "a")
    for _ in range(20):
        for path, model in product((CHAT, "/v1/embeddings"), ("chat", "other")):
            assert post(envoy, path=path, body={"model": model}).status_code == 200
    deadline = time.monotonic() + 30
    while int(post(envoy).headers["x-ratelimit-remaining-requests"]) < 10_000 - 81 - 10:
        assert time.monotonic() < deadline, "something that was not taken did not come back"
        time.sleep(PAUSE)


def test_a_brain_that_is_gone_leaves_what_it_has_given_for_a_moment(
    envoy: RealEnvoy, engines: Engines, brain: Brain, tmp_path: Path
) -> None:
    wanted = limited(requests(10_000, window=3600), passes=False)
    envoy.offer(wanted, {"a": [engines.start()]}, BOTH)
    brain.follow(wanted, "a")
    until(lambda: post(envoy).status_code == 200 and sum(taken(tmp_path)) > 0)
    brain.die()
    until(lambda: post(envoy).status_code == 503)
    another = Brain(tmp_path)
    try:
        another.follow(wanted, "a")
        until(lambda: post(envoy).status_code == 200)
    finally:
        another.stop()


def test_a_query_makes_no_other_path(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    wanted = limited(requests(10_000, window=3600), passes=False)
    envoy.offer(wanted, {"a": [engines.start()]}, BOTH)
    brain.follow(wanted, "a")
    queries = [f"{CHAT}?x={number}" for number in range(60)]
    assert {post(envoy, path=path).status_code for path in queries} == {200}
    assert questions(envoy) < 60


def test_no_request_grows_by_what_it_brings(envoy: RealEnvoy, engines: Engines, brain: Brain) -> None:
    engine, wanted = engines.start(), limited(requests(100_000, window=3600), tokens(10_000_000, window=3600))
    envoy.offer(wanted, {"a": [engine]}, BOTH)
    brain.follow(wanted, "a")
    # as long as Envoy takes them
    bytes_ = [length for length in range(60_000, 61_600, 80) for _ in range(3)]
    told = [post(envoy, headers={f"x-{n}": "x" * (length // 8) for n in range(8)}) for length in bytes_]
    assert {answer.status_code for answer in told} <= {200, 431}
    assert questions(envoy) < len(told), "some of them were given something"
    assert not any("allowance" in name for each in engine.headers for name in each)
