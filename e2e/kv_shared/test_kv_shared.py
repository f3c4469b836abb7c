"""Promise: engines of several models find what others computed, in a tier that never fills up, and never what other weights did."""

from __future__ import annotations

import pytest

from e2e.harness import API, Object, Place, model
from e2e.prompts import Engine

pytestmark = pytest.mark.cluster
COMMIT = "0123456789abcdef0123456789abcdef01234567"
STORE: Object = {"managed": {"memory": "64Mi"}}


def sharing(name: str, uri: str) -> Object:
    """A model that shares its blocks."""
    shared = {"cacheTierRef": {"name": "shared"}}
    return model(name, model={"uri": uri}, engine={"kvOffload": {"hostMemory": "64Mi", "shared": shared}})


def tier(**spec: Object) -> Object:
    """A CacheTier."""
    return {"apiVersion": API, "kind": "CacheTier", "metadata": {"name": "shared"}, "spec": {"store": STORE, **spec}}


def test_two_models_share_blocks_and_a_third_with_other_weights_does_not(place: Place) -> None:
    ours, theirs = f"hf://acme/tiny@{COMMIT}", f"hf://acme/tiny@{COMMIT[::-1]}"
    place.apply(sharing("one", ours), sharing("two", ours), sharing("other", theirs))
    place.wait(
        lambda: place.condition("mdep/one", "KVShared").get("reason") == "CacheTierNotFound", "the tier is missed"
    )
    place.apply(tier())
    place.wait(
        lambda: place.condition("mdep/one", "KVShared").get("reason") == "CacheTierWithoutKV", "and now its blocks"
    )
    place.apply(tier(kv={"size": "1Gi"}))
    place.ready("ctier/shared", "mdep/one", "mdep/two", "mdep/other")
    place.wait(lambda: place.condition("ctier/shared", "KVReady")["status"] == "True", "the sweeper runs")
    assert place.condition("mdep/one", "KVShared")["status"] == "True"

    one, two, other = (Engine.of(place, name) for name in ("one", "two", "other"))
    tokens = one.ask("tide")
    assert two.ask("tide") == tokens
    assert other.ask("tide") == tokens
    found = two.counters()
    assert tokens - 16 <= found["external_prefix_cache_hits"] <= tokens
    assert other.counters()["external_prefix_cache_hits"] == 0
    print(
        f"of {tokens} tokens, the second model found {found['external_prefix_cache_hits']}, the one of other weights none"
    )

    place.kubectl("delete", "mdep", "one", "two", "other")
    place.apply(tier())
    place.wait(lambda: not place.items("pvc"), "the claim goes with what was asked for")
    place.wait(lambda: not place.items("deploy"), "and so does its sweeper")
    place.ready("ctier/shared")


def test_weights_that_may_change_are_not_shared(place: Place) -> None:
    with pytest.raises(Exception, match="those of other weights give wrong answers"):
        place.apply(sharing("one", "hf://acme/tiny@main"))
