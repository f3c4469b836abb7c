"""A ModelDeployment as it stands in the cluster while a revision of it is on trial."""

from __future__ import annotations

from typing import Any

from tests.support.builders import model

STABLE, TRIED = "aaaa1111", "bbbb2222"
BEGAN = "2026-03-01T11:58:00+00:00"
STEPS = [{"traffic": "10%", "hold": "1m"}, {"traffic": "50%", "approval": "Manual"}]
GATES = [
    {"name": "errors", "outcome": "passed", "message": "errors: 0.56 % of 540 (max 1 %), stable 0.5 %", "at": BEGAN},
    {"name": "ttft", "outcome": "inconclusive", "message": "54 of 100 requests", "at": BEGAN},
]


def on_trial(**rollout: Any) -> dict[str, Any]:
    """At its first step, Holding; keywords replace fields of status.rollout."""
    made = model("qwen", replicas=2, rollout={"canary": {"steps": STEPS}})
    status = {
        "observedGeneration": 1,
        "activeRevision": STABLE,
        "conditions": [],
        "revisions": [arm(STABLE, "Active", 90, 2), arm(TRIED, "Candidate", 10, 1)],
        "rollout": {
            "revision": TRIED,
            "phase": "Holding",
            "message": "its hold ends at 2026-03-01T12:01:00Z",
            "step": 0,
            "steps": 2,
            "share": 10,
            "traffic": 10,
            "began": BEGAN,
            "confirmed": "2026-03-01T12:00:00+00:00",
            "gates": GATES,
            **rollout,
        },
    }
    return made | {"status": status}


def arm(name: str, role: str, traffic: int, engines: int) -> dict[str, Any]:
    """A live revision whose engines all answer."""
    return {"name": name, "role": role, "traffic": traffic, "readyReplicas": engines, "replicas": engines}


def taken_back(**rollout: Any) -> dict[str, Any]:
    """An objective failed."""
    made = on_trial(phase="RolledBack", message="errors failed: errors: 49 % of 341", traffic=0, **rollout)
    made["status"]["revisions"] = [arm(STABLE, "Active", 100, 2)]
    made["status"]["conditions"] = [{"type": "Stalled", "status": "True", "reason": "RolledBack"}]
    return made


def promoted() -> dict[str, Any]:
    """It has all of the traffic."""
    made = on_trial(phase="Promoted", message="it has all of the traffic", step=2, share=None, traffic=0)
    made["status"] |= {"activeRevision": TRIED, "revisions": [arm(TRIED, "Active", 100, 2)]}
    return made


def switching() -> dict[str, Any]:
    """A new revision takes over without steps."""
    made = on_trial()
    del made["spec"]["rollout"], made["status"]["rollout"]
    return made
