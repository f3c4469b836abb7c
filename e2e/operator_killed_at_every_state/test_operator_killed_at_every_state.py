"""Promise: an operator that is killed in any state of a rollout goes on where it was: no step is skipped, none begins twice, nobody notices."""

from __future__ import annotations

import pytest

from e2e.harness import Load, Object, Place, policy
from e2e.install import NAMESPACE
from e2e.rollouts import GATES, Rollout, judged

pytestmark = [pytest.mark.cluster, pytest.mark.long]
CANARY = {
    "canary": {
        "steps": [{"traffic": "20%", "hold": "5s"}, {"traffic": "50%", "hold": "5s"}],
        "minRequests": 20,
        "warmUp": "0s",
    }
}
STRATEGIES: dict[str, Object] = {
    "Canary": CANARY,
    "BlueGreen": {
        "strategy": "BlueGreen",
        "canary": {"minRequests": 20, "warmUp": "0s"},
        "blueGreen": {"keepPrevious": "10s"},
    },
    "RollingUpdate": {"strategy": "RollingUpdate", "canary": {"minRequests": 20, "warmUp": "0s"}},
}


def _model(decode: float, strategy: str) -> Object:
    made = judged(decode)
    made["spec"]["rollout"] = {"gates": GATES, **STRATEGIES[strategy]}
    return made


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_killed(place: Place, strategy: str) -> None:
    place.prometheus()
    place.apply(_model(5, strategy), policy(replicas=2))
    place.ready("mdep/small", "rpol/front")
    rollout = Rollout(place)
    entered: dict[int, str] = {}
    states: list[tuple[int, str]] = []
    with Load(place.router()).running(streams=4, tokens=20, short=6) as tally:
        place.wait(lambda: tally.answers[200] > 20, "the load runs")
        place.apply(_model(6, strategy))

        def killed_in_each_state() -> bool:
            """Once in each step and phase that is seen; whether the rollout is over."""
            now = rollout.status
            if not now:
                return False
            assert entered.setdefault(now["step"], now["entered"]) == now["entered"], "a step begins once"
            state = (now["step"], now["phase"])
            if state not in states and now["phase"] != "Promoted":
                states.append(state)
                # new Pods, because kubelet waits longer and longer with one that was killed
                place.kubectl("delete", "pods", "-n", NAMESPACE, "--all", "--grace-period=0", "--force")
            return bool(now["phase"] == "Promoted")

        place.wait(killed_in_each_state, "it is promoted, whoever is killed", 300)
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)
    assert len(states) >= 3, states
    assert list(entered) == sorted(entered)
