"""Promise: KV blocks go from the GPU to host memory and to a disk, come back, and never fill the disk."""

from __future__ import annotations

from functools import partial

import pytest

from e2e.harness import Object, Place, engine_env, model
from e2e.prompts import Engine

pytestmark = pytest.mark.cluster
BLOCKS = 64
"""Of the GPU; host memory has 32, and the disk 260 of a quarter of a mebibyte each. A prompt has 31."""
DISK = 65
TOPICS = ("tide", "moon", "wind", "star")


def offloading(size: str = f"{DISK}Mi") -> Object:
    """A model whose cache holds one prompt."""
    env = engine_env(KV_BLOCKS=BLOCKS, KV_FILE_KIB=256)
    return model(engine={"env": env, "kvOffload": {"hostMemory": "64Mi", "disk": {"size": size}}})


def _pod(place: Place) -> Object:
    [pod] = place.items("pods", "tidegate.dev/model=small")
    return pod


def _on_disk(place: Place) -> int:
    """Mebibytes of blocks."""
    said = place.kubectl("exec", _pod(place)["metadata"]["name"], "-c", "engine", "--", "du", "-sm", "/kv/disk")
    return int(said.split()[0])


def test_blocks_go_to_the_disk_and_come_back(place: Place) -> None:
    place.apply(offloading())
    place.ready("mdep/small")
    engine = Engine.of(place, "small")
    tokens = engine.ask("tide")
    assert engine.counters()["external_prefix_cache_hits"] == 0
    for topic in TOPICS[1:]:
        engine.ask(topic)  # by now neither the GPU nor host memory has the first
    assert engine.ask("tide") == tokens
    found = engine.counters()
    assert found["disk"] > 0
    assert found["host"] + found["disk"] == found["external_prefix_cache_hits"]

    def told() -> Object | None:
        for topic in TOPICS:
            engine.ask(topic)
        said: Object | None = place.get("mdep/small")["status"].get("prefixCache")
        return said

    said = place.wait(told, "the status says it")
    assert said["externalHitRate"] not in ("", "0%"), said
    print(f"{dict(found)}; status: {said}; a prompt has {tokens} tokens")


def test_the_disk_never_fills_up(place: Place) -> None:
    place.apply(offloading())
    place.ready("mdep/small")
    engine, pod = Engine.of(place, "small"), _pod(place)
    seen: list[int] = []

    def within() -> bool:
        """du fails where a file goes while it looks: it is asked again."""
        seen.append(_on_disk(place))
        return seen[-1] <= DISK

    for number in range(13):  # half as much again as there is room for
        engine.ask(f"t{number:02}x")
        place.wait(within, "the oldest blocks are removed")
    logs = partial(place.kubectl, "logs", pod["metadata"]["name"], "-c", "sweeper")
    place.wait(lambda: "removed" in logs(), "the sweeper tells of it")
    engine.ask("t00x")  # its blocks are gone: it is computed anew
    now = _pod(place)
    assert now["metadata"]["uid"] == pod["metadata"]["uid"]
    assert now["status"]["containerStatuses"][0]["restartCount"] == 0
    print(f"at most {max(seen)} MiB of {DISK} and a quarter more")


def test_another_disk_is_another_revision(place: Place) -> None:
    place.apply(offloading())
    place.ready("mdep/small")
    before = place.get("mdep/small")["status"]["activeRevision"]
    place.apply(offloading("100Mi"))
    place.wait(lambda: place.get("mdep/small")["status"]["activeRevision"] != before, "another revision serves")


def test_what_cannot_work_is_refused(place: Place) -> None:
    bad = offloading()
    bad["spec"]["engine"]["image"] = "vllm/vllm-openai:v0.20.1"
    with pytest.raises(Exception, match=r"name v0\.22\.0 or newer"):
        place.apply(bad)
