"""What a local router is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, policy
from tidegate.cli.local.document import local, policy_of
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
