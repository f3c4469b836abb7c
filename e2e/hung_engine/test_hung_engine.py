"""Promise: an engine that says that it is well and makes no token leaves the routers, loses nothing but what had begun on it, and is made
anew."""

from __future__ import annotations

import time

import httpx
import pytest

from e2e.harness import Load, Object, Place, engine_env, model, policy

pytestmark = pytest.mark.cluster
STREAMS = 24


def _engines(place: Place) -> list[Object]:
    return [
        pod for pod in place.items("pods", "tidegate.dev/role=engine") if not pod["metadata"].get("deletionTimestamp")
    ]


def _hang(place: Place, engine: Object) -> str:
    """Returns its address out here."""
    url = place.cluster.forward_address(engine["status"]["podIP"], 8000)
    httpx.post(f"{url}/sim/faults", json={"hang": True}, timeout=30).raise_for_status()
    assert httpx.get(f"{url}/health", timeout=30).status_code == 200
    return url


def _hung(place: Place) -> list[Object]:
    found: list[Object] = place.get("mdep/small")["status"].get("hungEngines") or []
    return found


@pytest.mark.parametrize("end", ["goes on", pytest.param("is evicted", marks=pytest.mark.long)])
def test_one_of_three(place: Place, end: str) -> None:
    """Of a model that does not scale, under streams and short requests; whoever begins after it is out of the routers is answered by another one."""
    place.apply(model(replicas=3, engine={"env": engine_env(DECODE_MS=10)}, drain={"timeout": "15s"}), policy())
    place.ready("mdep/small", "rpol/front")
    bad = _engines(place)[0]
    with Load(place.router()).running(streams=STREAMS, tokens=60, short=2) as tally:
        place.wait(lambda: sum(tally.answers.values()) > 50, "all of them are under load")
        url, began = _hang(place, bad), time.monotonic()
        place.wait(lambda: [one for one in _hung(place) if one["out"]], "it is out of the routers")
        print(f"out of the routers {time.monotonic() - began:.1f} s after it hung")
        assert [one["pod"] for one in _hung(place)] == [bad["metadata"]["name"]]
        assert place.condition("mdep/small", "EnginesHang")["reason"] == "NoProgress"
        cluster = f"small-{place.get('mdep/small')['status']['activeRevision']}"
        place.wait(lambda: {known[cluster] for known in place.members()} == {2}, "its router knows")
        taken = _taken(url)
        with Load(place.router()).running(streams=STREAMS, tokens=60, short=2) as after:
            place.wait(lambda: sum(after.answers.values()) > 200, "others answer")
        assert (after.errors[:3], after.failed, after.cut) == ([], 0, 0)
        assert _taken(url) <= taken + 1, "routers sent it nothing more"
        if end == "goes on":
            httpx.post(f"{url}/sim/faults", json={"hang": False}, timeout=30).raise_for_status()
    if end == "is evicted":
        place.wait(lambda: bad["metadata"]["name"] not in _names(place), "it is made anew", 180)
        print(f"evicted {time.monotonic() - began:.1f} s after it hung")
    place.wait(lambda: not _hung(place) and not place.condition("mdep/small", "EnginesHang"), "nothing hangs any more")
    place.ready("mdep/small")


def _names(place: Place) -> set[str]:
    return {str(pod["metadata"]["name"]) for pod in _engines(place)}


def _taken(url: str) -> int:
    """Requests that it has taken so far."""
    seen = httpx.get(f"{url}/sim/state", timeout=30).json()["seen"]
    return int(seen.get("/v1/chat/completions", 0))


def test_the_last_one_stays(place: Place) -> None:
    place.apply(model(engine={"env": engine_env(DECODE_MS=10)}, drain={"timeout": "15s"}), policy())
    place.ready("mdep/small", "rpol/front")
    [only] = _engines(place)
    with Load(place.router()).running(streams=4, tokens=60, short=1):
        url = _hang(place, only)
        place.wait(lambda: _hung(place), "it is told")
        [told] = _hung(place)
        assert told["out"] is False
        assert "too few others" in place.condition("mdep/small", "EnginesHang")["message"]
        httpx.post(f"{url}/sim/faults", json={"hang": False}, timeout=30).raise_for_status()
        place.wait(lambda: not _hung(place), "it moves again")
    assert [pod["metadata"]["uid"] for pod in _engines(place)] == [only["metadata"]["uid"]]
