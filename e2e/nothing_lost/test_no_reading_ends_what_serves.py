"""Promise: nothing that served is ended on one reading. It goes when its successor answers, or when a person says so."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial

import httpx
import pytest

from e2e.harness import Object, Place, model, policy

pytestmark = pytest.mark.cluster
ENGINES = "tidegate.dev/role=engine"


def engines(place: Place, revision: str) -> list[Object]:
    """Pods of a revision."""
    return place.items("pods", f"{ENGINES},tidegate.dev/revision={revision}")


def deployment(place: Place, revision: str) -> str:
    """The uid of a revision's Deployment."""
    return str(place.get(f"deploy/small-{revision}")["metadata"]["uid"])


def revision_in(place: Place, role: str) -> str:
    """The model's revision in a role; empty when there is none."""
    found = place.get("mdep/small").get("status", {}).get("revisions", [])
    return next((entry["name"] for entry in found if entry["role"] == role), "")


def answers(url: str) -> bool:
    """Whether a request is answered."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30).status_code == 200


@contextmanager
def without_its_pod(place: Place, revision: str) -> Iterator[None]:
    """The only engine's Pod is deleted."""
    [pod] = engines(place, revision)
    place.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
    yield


@contextmanager
def hanging(place: Place, revision: str) -> Iterator[None]:
    """The only engine hangs, until its readiness probe has noticed and the block has been run."""
    [pod] = engines(place, revision)
    pid = place.cluster.container_pid(place.name, pod["metadata"]["name"], "engine")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # a busy machine took longer than its liveness probe waits
            os.kill(pid, signal.SIGCONT)


LOSSES = [
    pytest.param({"image": "registry.invalid/nothing:1"}, "registry.invalid/nothing:1", without_its_pod, id="deleted"),
    pytest.param({"args": ["--not-a-flag"]}, "unrecognized arguments: --not-a-flag", hanging, id="hangs"),
]


@pytest.mark.parametrize(("broken", "words", "loss"), LOSSES)
def test_who_served_comes_back_while_the_newest_never_answered(
    place: Place, broken: Object, words: str, loss: Callable[[Place, str], AbstractContextManager[None]]
) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    url, old = place.router(), revision_in(place, "Active")
    uid = deployment(place, old)
    place.apply(model(engine=broken))
    place.wait(lambda: words in place.condition("mdep/small", "Ready").get("message", ""), "what is wrong is told")
    assert place.condition("mdep/small", "Ready")["status"] == "True"
    with loss(place, old):
        place.wait(lambda: place.condition("mdep/small", "Ready")["status"] == "False", "nobody answers")
        assert revision_in(place, "Active") == old
    place.wait(partial(answers, url), "the old one answers again")
    place.wait(lambda: place.condition("mdep/small", "Ready")["status"] == "True", "the status says so")
    assert (revision_in(place, "Active"), deployment(place, old)) == (old, uid)
    place.apply(model(engine={"maxNumSeqs": 8}))
    place.ready("mdep/small", "rpol/front")
    assert revision_in(place, "Active") != old
    assert answers(url)


def test_room_is_made_when_a_person_names_the_revision(place: Place) -> None:
    """Both nodes are full: the old revision goes for the one that the annotation names, and for no other."""
    full = {"gpus": {"count": 8}}
    place.apply(model(engine=full, replicas=2))
    place.ready("mdep/small")
    old = revision_in(place, "Active")
    place.apply(model(engine={**full, "maxNumSeqs": 8}, replicas=2))
    new = str(place.wait(lambda: revision_in(place, "Candidate"), "there is another revision"))
    word = f"kubectl annotate mdep/small tidegate.dev/make-room={new}"
    place.wait(lambda: word in place.condition("mdep/small", "Ready")["message"], "the status says what to do")
    place.kubectl("annotate", "mdep/small", "tidegate.dev/make-room=another")
    place.at_rest()
    assert (revision_in(place, "Active"), len(engines(place, old))) == (old, 2)
    place.kubectl("annotate", "--overwrite", "mdep/small", f"tidegate.dev/make-room={new}")
    place.ready("mdep/small")
    assert (revision_in(place, "Active"), engines(place, old)) == (new, [])
