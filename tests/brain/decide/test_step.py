"""Each row of the table in step.py."""

from __future__ import annotations

import pytest

from tests.envoy.conftest import config
from tidegate.brain.decide.step import choices
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Decision, Route


def asking(*among: str) -> RouterConfig:
    """`auto` is decided among the routes of `chat` (answered by a) and `large` (by b)."""
    plain = config({"chat": {"a": 1}, "large": {"b": 1}})
    auto = Route(name="to-auto", models=("auto", "best"), targets=(), decision=Decision(among=among))
    return plain.model_copy(update={"routes": (*plain.routes, auto)})


@pytest.mark.parametrize(
    ("answering", "chosen"),
    [
        ({"a.r1", "b.r1"}, "to-large"),
        ({"a.r1"}, "to-chat"),
        ({"b.r1"}, "to-large"),
        (set(), "to-large"),
    ],
)
def test_the_first_that_can_be_answered(answering: set[str], chosen: str) -> None:
    assert choices(asking("to-large", "to-chat"), answering) == {"auto": chosen, "best": chosen}


def test_a_route_that_is_not_there_is_passed_over() -> None:
    assert choices(asking("gone", "to-chat"), {"a.r1"})["auto"] == "to-chat"


def test_routes_without_a_decision_have_none() -> None:
    assert choices(config({"chat": {"a": 1}}), {"a.r1"}) == {}
