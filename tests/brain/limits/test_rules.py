"""Whose counters a request is counted in, and at what cost."""

from __future__ import annotations

import pytest

from tests.brain.limits.support import limits, requests, tokens
from tidegate.brain.limits.asking import Asking, read, subnet
from tidegate.brain.limits.rules import ASSUMED, Cost, Rules, writes
from tidegate.contract.limits import Override
from tidegate.envoy import paths

CHAT = "/v1/chat/completions"


def asking(text: int = 0, most: int | None = None, copies: int = 1, path: str = CHAT, client: str = "acme") -> Asking:
    return Asking("chat", path, client, "10.0.0.1", text, most, copies)


@pytest.mark.parametrize(
    ("asked", "cost"),
    [
        (asking(400, 50), Cost(100, 50, named=True)),
        (asking(401, 50), Cost(101, 50, named=True)),
        (asking(400, 50, 3), Cost(100, 150, named=True)),
        (asking(400), Cost(100, ASSUMED, named=False)),
        (asking(400, 5000), Cost(100, 2000, named=True)),
        (asking(40_000, 50), Cost(2000, 50, named=True)),
        (asking(400, 50, path="/v1/embeddings"), Cost(100, 0, named=True)),
        (asking(400, path="/v1/messages/count_tokens"), Cost(100, 0, named=True)),
        (asking(0, 0), Cost(0, 0, named=True)),
    ],
)
def test_each_row_of_tokens(asked: Asking, cost: Cost) -> None:
    assert Rules(limits(tokens(5), lengths={"chat": 2000}), "test/front").cost(asked) == cost


def test_requests_cost_one_and_nothing_is_computed_for_them() -> None:
    rules = Rules(limits(requests(5)), "test/front")
    assert rules.cost(asking(40_000)) == Cost(0, 0, named=True)
    assert [c.cost for c in rules.charges(asking(), rules.cost(asking()))] == [1]


def test_who_is_told_apart() -> None:
    each = [requests(5, name=per.lower(), per=per) for per in ("Client", "Address", "Model", "Policy")]
    rules = Rules(limits(*each), "test/front")
    keys = [c.key for c in rules.charges(asking(), Cost(0, 0, named=True))]
    assert [key.rpartition(":")[2] for key in keys] == ["acme", "10.0.0.1", "chat", ""]
    assert all(key.startswith("tidegate:{test/front}:") for key in keys)
    assert len({key.rpartition(":")[0] for key in keys}) == 4


def test_another_window_or_unit_is_another_count() -> None:
    keys = {
        Rules(limits(limit), "test/front").charges(asking(), Cost(0, 0, named=True))[0].key
        for limit in (requests(5), requests(5, window=30), tokens(5, name="rps"))
    }
    assert len(keys) == 3


def test_overrides_and_parts() -> None:
    limit = requests(5, overrides=(Override(clients=("batch", "night"), amount=50),))
    rules = Rules(limits(limit), "test/front")

    def amount(client: str, share: int) -> int:
        return rules.charges(asking(client=client), Cost(0, 0, named=True), share)[0].amount

    assert [amount("acme", 1), amount("batch", 1), amount("night", 1)] == [5, 50, 50]
    assert [amount("acme", 2), amount("batch", 4), amount("acme", 9)] == [3, 13, 1], "rounded up"


def test_what_names_no_maximum_fits_a_small_limit() -> None:
    rules = Rules(limits(tokens(500)), "test/front")

    def cost(asked: Asking) -> int:
        return rules.charges(asked, rules.cost(asked))[0].cost

    assert cost(asking(400)) == 500
    assert cost(asking(400, 600)) == 700, "a maximum that is named counts"
    assert cost(asking(4000)) == 1000, "and a prompt that is longer than the limit never fits"


def test_paths_that_write_text() -> None:
    writing = {path for path in (*paths.JSON, *paths.FORMS) if writes(path)}
    assert writing == {
        CHAT, f"{CHAT}/batch", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/audio/speech", "/v1/audio/transcriptions",
        "/v1/audio/translations", "/cohere/v2/chat", "/v1/systemone",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("::1", "::"),
        ("a:b", "a:b"),
        ("-", "-"),
    ],
)
def test_addresses(address: str, whose: str) -> None:
    assert subnet(address) == whose


def test_what_envoy_tells() -> None:
    assert read("chat", CHAT, "400 50 2 1 10.0.0.1 acme") == Asking("chat", CHAT, "acme", "10.0.0.1", 400, 50, 2)
    assert read("chat", CHAT, "400 - 1 0 10.0.0.1 -") == Asking("chat", CHAT, "-", "10.0.0.1", 400, None, 1)
    assert read("chat", CHAT, "- 10.0.0.1 -") == Asking("chat", CHAT, "-", "10.0.0.1", 0, None, 1), "no native filter"
    for wrong in ("", "a b", "x - 1 0 10.0.0.1 -", "1 1 1 1 1 1 1"):
        with pytest.raises(ValueError):  # noqa: PT011 - any
            read("chat", CHAT, wrong)
