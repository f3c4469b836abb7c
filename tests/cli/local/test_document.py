"""What a local router is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, cached, policy
from tidegate.cli.local.document import local, policy_of, tiers_of
from tidegate.cli.local.endpoints import Endpoint
from tidegate.cli.manifests import Document
from tidegate.errors import TidegateError

WRITTEN = {key: value for key, value in policy("chat", ("llama", "mistral")).items() if key != "metadata"} | {
    "metadata": {"name": "chat"}
}
LLAMA = Endpoint("to-llama", "http://127.0.0.1:8000", "127.0.0.1", 8000, ("org/llama", "tone"))


def documents(*manifests: Any) -> list[Document]:
    return [Document("p.yaml", number, manifest) for number, manifest in enumerate(manifests, 1)]


def test_the_policy() -> None:
    assert policy_of(documents({"kind": "Pod"}, WRITTEN))["metadata"]["namespace"] == "default"


@pytest.mark.parametrize(
    ("manifests", "says"),
    [
        ((), "there are 0 RoutingPolicies"),
        ((WRITTEN, WRITTEN), "there are 2 RoutingPolicies"),
        ((WRITTEN | {"spec": {}},), "required"),
    ],
)
def test_no_policy(manifests: tuple[Any, ...], says: str) -> None:
    with pytest.raises(TidegateError, match=says):
        policy_of(documents(*manifests))


def test_engines_are_called_as_they_say() -> None:
    made = local(policy_of(documents(WRITTEN)), [LLAMA], DEFAULTS)
    [destination] = made.config.destinations
    assert destination.engine
    assert (destination.engine.model, destination.engine.service) == ("org/llama", made.services["to-llama"])
    assert made.config.observation.log_lines == 100.0
    assert made.config.hash() == local(policy_of(documents(WRITTEN)), [LLAMA], DEFAULTS).config.hash()
    assert made.warnings == ("backend to-mistral has no engine; write --endpoint to-mistral=http://HOST:PORT",)


def test_an_engine_that_does_not_answer_yet() -> None:
    silent = Endpoint("to-llama", "http://127.0.0.1:8000", "127.0.0.1", 8000)
    made = local(policy_of(documents(WRITTEN)), [silent], DEFAULTS)
    assert made.config.destinations[0].engine
    assert made.config.destinations[0].engine.model == "llama"
    assert made.warnings[1] == "http://127.0.0.1:8000 (to-llama) does not list its models yet; it is called llama"


def test_an_endpoint_of_no_backend() -> None:
    with pytest.raises(TidegateError, match="no such backend; there are to-llama, to-mistral"):
        local(policy_of(documents(WRITTEN)), [Endpoint("x", "http://h", "127.0.0.1", 80)], DEFAULTS)


def tier(**spec: Any) -> dict[str, Any]:
    """A CacheTier as it stands in a file."""
    return {"apiVersion": "tidegate.dev/v1alpha1", "kind": "CacheTier", "metadata": {"name": "shared"}, "spec": spec}


EXISTING = {"existing": {"urlSecretRef": {"name": "redis", "key": "url"}}}
SHARED = {"sharing": "Policy"}


@pytest.mark.parametrize(
    ("spec", "layers", "says"),
    [
        (SHARED | {"memory": {}}, ("memory",), ""),
        (SHARED | {"store": EXISTING, "exact": {}}, ("exact", "store"), ""),
        (SHARED | {"store": {"managed": {}}, "memory": {}, "exact": {}}, ("memory",), "and no exact answers"),
        (SHARED | {"store": {"managed": {}}, "exact": {}}, (), "name one of yours with store.existing and --secret"),
        ({"memory": {}}, (), "cache: CacheTier 'shared' gives answers to the client alone whose they are"),
        ({"memory": {"ttl": "0s"}}, (), "CacheTier shared: spec.memory.ttl: ttl must be between 1s and 720h"),
    ],
)
def test_answers_without_a_cluster(spec: dict[str, Any], layers: tuple[str, ...], says: str) -> None:
    files = documents(cached(WRITTEN), tier(**spec))
    made = local(policy_of(files), [LLAMA], DEFAULTS, tiers_of(files))
    [found] = made.config.caches or (None,)
    assert [layer for layer in ("memory", "exact", "store") if found and getattr(found, layer)] == list(layers)
    told = [words for words in made.warnings if "no engine" not in words]
    assert len(told) == bool(says)
    assert says in "".join(told)


def test_a_store_of_yours_is_asked_with_its_secret() -> None:
    counting = WRITTEN | {"spec": WRITTEN["spec"] | {"storeRef": {"name": "shared"}, "limits": [LIMIT]}}
    files = documents(cached(counting), tier(store=EXISTING, exact={}, **SHARED))
    made = local(policy_of(files), [LLAMA], DEFAULTS, tiers_of(files))
    assert made.secrets == ("redis",)
    assert made.config.limits
    assert made.config.limits.store
    assert not [words for words in made.warnings if "limits are counted here" in words]


LIMIT = {"name": "rps", "per": "Policy", "requests": 2, "window": "1m"}
