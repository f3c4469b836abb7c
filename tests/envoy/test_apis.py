"""Who is asked in which API: each row, and who waits for an engine."""

from __future__ import annotations

import json

import pytest

from tests.envoy.conftest import config
from tests.envoy.test_caching import KEPT
from tidegate.contract.destinations import Destination, External, Hold
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Fallback, FixedAnswer, Target
from tidegate.envoy import apis, hold
from tidegate.envoy.routes import route_configuration
from tidegate.envoy.walk import followed
from tidegate.names import CACHED_HEADER, LONGER_HEADER

CLAUDE = Destination(name="claude", backend="claude", anthropic=External(host="a.example", port=443, model="c"))
ONE, OTHER, THEIRS = (Target(destination=name, weight=1) for name in ("a.r1", "b.r1", "claude"))
BUSY = FixedAnswer(status=503, message="busy")


def asking(*steps: tuple[Target, ...]) -> RouterConfig:
    """The targets, and what follows them."""
    made = config({"chat": {"a": 1, "b": 1}})
    sleepy = tuple(d.model_copy(update={"hold": Hold(seconds=9)}) for d in made.destinations)
    fallback = Fallback(steps=steps[1:], answer=BUSY) if steps[1:] else None
    route = made.routes[0].model_copy(update={"targets": steps[0], "fallback": fallback})
    return made.model_copy(update={"routes": (route,), "destinations": (*sleepy, CLAUDE)})


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        (((ONE,), (OTHER,)), None),
        (((ONE, THEIRS), (OTHER,)), ((ONE,), (OTHER,))),
        (((ONE,), (THEIRS,), (OTHER,)), ((ONE,), (OTHER,))),
        (((THEIRS,), (OTHER,), (ONE,)), ((OTHER,), (ONE,))),
        (((THEIRS,),), ((),)),
        (((THEIRS,), (THEIRS,)), ((),)),
    ],
    ids=["none speaks it", "beside", "between", "before", "alone", "alone, twice"],
)
def test_who_is_left(steps: tuple[tuple[Target, ...], ...], left: tuple[tuple[Target, ...], ...] | None) -> None:
    wanted = asking(*steps)
    route = wanted.routes[0]
    assert apis.several(route, wanted) is (left is not None)
    if not left:
        assert apis.variants(route, wanted) == (route,)
        return
    whole, other = apis.variants(route, wanted)
    assert whole == route
    assert (other.targets, *(other.fallback.steps if other.fallback else ())) == left
    assert (other.fallback.answer if other.fallback else None) == (BUSY if left[0] and route.fallback else None)


def test_who_waits() -> None:
    """Requests of another API wait for an engine beside a provider that cannot answer them."""
    assert hold.patience(asking((ONE, THEIRS))) == {"to-chat": 9.0}
    assert hold.patience(asking((THEIRS,))) == {}
    assert hold.patience(asking((ONE,), (THEIRS,))) == {"to-chat": 9.0}


def test_who_is_asked_after_a_cache() -> None:
    """When the brain has nothing to say, a request of another API goes on to nobody who cannot answer it."""
    made = asking((THEIRS,), (ONE,))
    kept = made.model_copy(
        update={
            "caches": (KEPT,),
            "routes": (made.routes[0].model_copy(update={"cache": KEPT.name}),),
        }
    )
    table = route_configuration(kept)["virtual_hosts"][0]["matcher"]["on_no_match"]["matcher"]
    assert table["matcher_tree"]["input"]["typed_config"]["header_name"] == CACHED_HEADER
    by_api = table["matcher_tree"]["exact_match_map"]["map"]["to-chat"]["matcher"]
    assert '"claude"' in json.dumps(by_api["matcher_list"])
    assert '"claude"' not in json.dumps(by_api["on_no_match"])
    assert '"a.r1"' in json.dumps(by_api["on_no_match"])
    for asked in map(json.dumps, by_api.values()):
        assert asked.index('"cached"') < min(asked.index(name) for name in ('"a.r1"', '"claude"') if name in asked)


def test_who_is_left_alone_is_not_asked_again_in_vain() -> None:
    """Nobody follows: it is a route without a fallback, whose attempts are the user's, and whom nothing longer stands behind."""
    made = asking((THEIRS,), (ONE,))
    fallback = Fallback(steps=((ONE,),), longer=True)
    route = made.routes[0].model_copy(update={"fallback": fallback})
    left = apis.others(route, made)
    assert (left.targets, left.fallback) == ((ONE,), None)
    retry = made.retry.model_copy(update={"attempts": 0})
    table = json.dumps(route_configuration(made.model_copy(update={"routes": (route,), "retry": retry})))
    alone = next(text for text in table.split('"retry_policy"')[1:] if LONGER_HEADER not in text)
    assert '"retry_on": "retriable-headers"' in alone


def test_whom_nobody_follows_in_one_api_is_never_left_alone_altogether() -> None:
    """Behind it is a provider for requests of Anthropic's API; the others have nobody else."""
    made = asking((ONE,), (THEIRS,))
    fallback = Fallback(steps=((THEIRS,),))
    route = made.routes[0].model_copy(update={"fallback": fallback})
    assert followed(made.model_copy(update={"routes": (route,)})) == set()
    alone = route.model_copy(update={"name": "alone", "models": ("alone",), "fallback": None})
    both = route.model_copy(update={"fallback": Fallback(steps=((OTHER,),))})
    assert followed(made.model_copy(update={"routes": (both,)})) == {"a.r1"}
    assert followed(made.model_copy(update={"routes": (both, alone)})) == set()
