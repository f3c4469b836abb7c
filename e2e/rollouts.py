"""A model whose new revisions are on trial before its objectives, and what its status says of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest

from e2e.harness import Object, Place, engine_env, model
from tidegate.brain.native import built

ERRORS: Final = {"name": "errors", "errorRate": {"max": "5%"}}
FIRST_TOKENS: Final = {"name": "ttft", "timeToFirstToken": {"percentile": "95", "max": "5s"}}
"""What takes the simulator a few milliseconds takes no machine as long, however busy."""
OBJECTIVES: Final = [ERRORS, FIRST_TOKENS] if built() else [ERRORS]
"""Only the native filters tell of first tokens."""
needs_tokens = pytest.mark.skipif(
    not built(), reason="routers run on Lua, which tells no tokens: make native, where cargo is"
)
STEPS: Final = [{"traffic": "10%", "hold": "5s"}, {"traffic": "50%", "hold": "5s"}]
GATES: Final = {"interval": "5s"}
"""As often as can be: what is counted in a look is a few seconds old."""
CANARY: Final = {"steps": STEPS, "minRequests": 50, "warmUp": "0s"}


def judged(
    decode: float = 5, faults: Object | None = None, objectives: list[Object] | None = None, **rollout: Any
) -> Object:
    """Two engines; another `decode` time (ms) or other `faults` of the simulator are another revision."""
    return model(
        replicas=2,
        engine={"env": engine_env(DECODE_MS=decode, **(faults or {}))},
        objectives=OBJECTIVES if objectives is None else objectives,
        rollout={"canary": CANARY, "gates": GATES, **rollout},
        drain={"timeout": "15s"},
    )


@dataclass(frozen=True)
class Rollout:
    """Of `mdep/small`."""

    place: Place

    @property
    def status(self) -> Object:
        """status.rollout."""
        found: Object = self.place.get("mdep/small").get("status", {}).get("rollout") or {}
        return found

    @property
    def phase(self) -> str:
        return str(self.status.get("phase", ""))

    @property
    def active(self) -> str:
        return str(self.place.get("mdep/small")["status"]["activeRevision"])

    def gate(self, name: str) -> Object:
        """What an objective says."""
        return next((dict(gate) for gate in self.status.get("gates", []) if gate["name"] == name), {})

    def annotate(self, word: str, value: str) -> None:
        """What a person says."""
        self.place.kubectl("annotate", "--overwrite", "mdep/small", f"tidegate.dev/{word}={value}")

    def sent(self, share: int, policy: str = "front") -> None:
        """Waits until every router of a policy gives the revision on trial this share, in percent: the status of the model decides it, and
        routers learn of it later."""
        tried = self.status["revision"]
        self.place.wait(lambda: self._sent(tried, policy) == share, f"routers of {policy} send {tried} {share}%", 120)

    def _sent(self, revision: str, policy: str) -> int | None:
        """None while some of them do not run the newest configuration."""
        found = self.place.get(f"rpol/{policy}")["status"]["configuration"]
        weights = {one["name"]: int(one["weight"]) for backend in found["backends"] for one in backend["revisions"]}
        return None if found["older"] or found["behind"] or found["silent"] else weights.get(revision, 0)

    def comes_to(self, phase: str, seconds: float = 240.0) -> Object:
        """Waits for a phase; status.rollout then."""
        self.place.wait(lambda: self.phase == phase, f"the rollout is {phase}", seconds)
        return self.status
