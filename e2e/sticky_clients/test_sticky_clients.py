"""Promise: a client stays with one revision; while a canary's share grows some clients move to the new one, and none back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from e2e.harness import Load, Place, policy
from e2e.rollouts import Rollout, judged

pytestmark = pytest.mark.cluster
STEPS = [{"traffic": "10%", "approval": "Manual"}, {"traffic": "50%", "approval": "Manual"}]
USERS = [f"user-{number}" for number in range(160)]


def _model(decode: float) -> dict[str, object]:
    made = judged(decode, objectives=[])
    made["spec"]["rollout"] = {"canary": {"steps": STEPS, "stickyBy": {"header": {"name": "x-user-id"}}}}
    return made


def test_they_move_one_way(place: Place) -> None:
    place.apply(_model(5), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout, load = Rollout(place), Load(place.router())

    def revision(user: str) -> str:
        answer = httpx.post(
            f"{load.url}/v1/chat/completions", json=load.body(1, stream=False), headers={"x-user-id": user}, timeout=30
        )
        return answer.raise_for_status().headers["x-tidegate-revision"]

    def everybody() -> dict[str, str]:
        """Twice, over both routers: the same."""
        with ThreadPoolExecutor(4) as threads:
            seen = list(threads.map(revision, USERS + USERS))
        assert seen[: len(USERS)] == seen[len(USERS) :]
        return dict(zip(USERS, seen, strict=False))

    stable = rollout.active
    place.apply(_model(6))
    rollout.comes_to("Waiting")
    tried = rollout.status["revision"]
    rollout.sent(10)
    first = everybody()
    rollout.annotate("promote", f"{tried}/10%")
    place.wait(lambda: (rollout.status["step"], rollout.phase) == (1, "Waiting"), "the second step")
    rollout.sent(50)
    second = everybody()
    assert set(first.values()) == set(second.values()) == {stable, tried}
    moved = {user for user in USERS if first[user] == tried}
    assert moved <= {user for user in USERS if second[user] == tried}
    assert 0 < len(moved) < 48 < sum(found == tried for found in second.values()) < 112
