"""Two routers with one store: real Envoys, brains as processes, a real Valkey, and the model of vectors."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.brain.store.conftest import PASSWORD, Valkey
from tests.envoy.conftest import RealEnvoy
from tests.envoy.test_caching import KEPT, Model, ask, cached, model, said, source
from tests.envoy.test_decide import Brain
from tests.envoy.waiting import until
from tests.support.patience import hasty, patient_waits
from tidegate.brain.native import built
from tidegate.contract.cache import Cache, Exact, Semantic
from tidegate.contract.limits import Store
from tidegate.embedding.local import FOLDER

__all__ = ["hasty", "model", "patient_waits"]

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.redis,
    pytest.mark.skipif(not built(), reason="the native filters are not built here"),
]
PETS = (
    "dog",
    "cat",
    "horse",
    "parrot",
    "rabbit",
    "goat",
    "pony",
    "mouse",
    "hen",
    "duck",
    "goose",
    "sheep",
    "pig",
    "cow",
)
SECRET = {"data": {"password": base64.b64encode(PASSWORD.encode()).decode()}}
VECTORS = pytest.mark.skipif(not (FOLDER / "model.onnx").is_file(), reason="the model of vectors is not built here")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """One that lives."""
    made = Valkey(tmp_path)
    yield made
    made.go_on()
    made.die()


class Routers:
    """Two of one policy."""

    def __init__(self, folder: Path, valkey: Valkey, *, patient: bool) -> None:
        folders = [folder / "one", folder / "two"]
        for each in folders:
            each.mkdir()
        self.envoys = [RealEnvoy(each) for each in folders]
        self.brains = [Brain(each, patient=patient) for each in folders]
        self._valkey = valkey
        self.store = Store(secret="s", key="password", address=valkey.where.said)

    def run(self, model: Model, **changes: Any) -> None:
        """Both run it."""
        exact = Exact(ttl_seconds=600, max_bytes=1 << 24)
        cache: Cache = KEPT.model_copy(update={"exact": exact, "store": self.store, **changes})
        wanted = cached(cache)
        for envoy, brain in zip(self.envoys, self.brains, strict=True):
            brain.follow(wanted, "a", secrets={"s": SECRET})
            envoy.offer(wanted, {"a": [model]})

    def stored(self) -> list[str]:
        """Names of the answers in the store."""
        return [line for line in self._valkey.ask("KEYS", "*:answer:*").split("\r\n") if ":answer:" in line]

    def stop(self) -> None:
        """All of them."""
        for envoy in self.envoys:
            envoy.stop()
        for brain in self.brains:
            brain.stop()


@pytest.fixture
def routers(tmp_path: Path, valkey: Valkey, request: pytest.FixtureRequest) -> Iterator[Routers]:
    """Not yet configured."""
    made = Routers(tmp_path, valkey, patient="hasty" not in request.fixturenames)
    yield made
    made.stop()


def hit(envoy: RealEnvoy, text: str, **more: Any) -> httpx.Response:
    """The answer that is kept, once it is there."""
    found: list[httpx.Response] = []

    def there() -> bool:
        found.append(ask(envoy, text, headers={"cache-control": "max-age=600"}, **more))
        return source(found[-1]).startswith("hit")

    until(there)
    return found[-1]


@pytest.mark.parametrize("stream", [False, True])
def test_one_router_gives_what_the_other_one_has_heard(routers: Routers, model: Model, stream: bool) -> None:
    routers.run(model)
    one, other = routers.envoys
    until(lambda: source(ask(one, "warm up")) and source(ask(other, "warm up")).startswith("hit"))
    asked = model.asked
    first = ask(one, "hello", stream=stream)
    until(lambda: source(ask(one, "hello")) == "hit-memory")
    until(lambda: len(routers.stored()) == 2)
    again = ask(other, "hello", stream=not stream)
    assert (source(again), said(again).strip()) == ("hit-exact", said(first).strip())
    assert source(ask(other, "hello")) == "hit-memory", "kept here from now on"
    assert model.asked == asked + 1


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("how", ["die", "hang"])
def test_a_store_that_is_away_costs_no_request(routers: Routers, model: Model, valkey: Valkey, how: str) -> None:
    routers.run(model)
    one, other = routers.envoys
    until(lambda: source(ask(one, "warm up")) and source(ask(other, "warm up")).startswith("hit"))
    getattr(valkey, how)()
    for number in range(20):
        for envoy in (one, other):
            assert said(ask(envoy, f"question {number}")).startswith("answer")
    assert source(ask(one, "question 3")) == "hit-memory"
    if how == "die":
        valkey.start()
    else:
        valkey.go_on()
    said_before = ask(one, "another time")
    until(lambda: source(ask(other, "another time", headers={"x-tidegate-cache": "max-age=100"})).startswith("hit"))
    assert said_before.status_code == 200


@VECTORS
def test_a_question_in_other_words(routers: Routers, model: Model) -> None:
    guards = ("Numbers", "Dates", "Negation", "Entities")
    semantic = Semantic(threshold=0.85, guards=guards, conversations="SingleTurn", ttl_seconds=600, max_entries=1000)
    routers.run(model, semantic=semantic)
    one, other = routers.envoys
    pets = iter(PETS)

    def in_other_words(asker: RealEnvoy) -> bool:
        """Another question each time: one that has missed is kept itself. A router answers by memory alone until its model is loaded."""
        pet = next(pets)
        first = ask(one, f"How do I feed my {pet}?")
        hit(one, f"How do I feed my {pet}?")
        answer = ask(asker, f"How can I feed my {pet}?")
        if source(answer) != "hit-semantic":
            time.sleep(0.1)
            return False
        assert said(answer).strip() == said(first).strip()
        assert 0.85 <= float(answer.headers["x-tidegate-cache-similarity"]) <= 1
        return True

    for asker in (one, other):
        until(lambda asker=asker: in_other_words(asker))  # type: ignore[misc]
    ask(one, "How do I reset my password?")
    for trap in ("How do I not reset my password?", "How do I reset my 2 passwords?", "How do I set my keyboard?"):
        assert source(ask(one, trap)) == "miss", trap
    assert source(ask(one, "How can I reset my password?", temperature=0.1)) == "miss"
