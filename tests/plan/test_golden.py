"""Golden situations: golden/README.md says how to read and to write them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.builders import owner
from tests.support.simulation import Simulation
from tidegate import names
from tidegate.errors import Stall
from tidegate.plan.plan import ObjectKey, Plan
from tidegate.plan.samples import Complaint, RouterReport, StoreCheck
from tidegate.plan.world import Capabilities

GOLDEN = Path(__file__).parent / "golden"
SITUATIONS = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())
KINDS = {"model": names.MODEL_DEPLOYMENT, "router": names.ROUTING_POLICY, "cache": names.CACHE_TIER}


class Plain(yaml.SafeDumper):
    """Without anchors: every object stands for itself."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@pytest.mark.parametrize("situation", SITUATIONS)
def test_golden(situation: str, update_golden: bool) -> None:
    folder = GOLDEN / situation
    story = yaml.safe_load((folder / "in.yaml").read_text())
    got = yaml.dump(play(story), Dumper=Plain, sort_keys=False, width=140, allow_unicode=True)
    if update_golden:
        (folder / "out.yaml").write_text(got)
    assert got == (folder / "out.yaml").read_text(), "read the difference; `make golden` accepts it"


def play(story: dict[str, Any]) -> dict[str, Any]:
    """What the planner says in the last pass of a story."""
    ((kind, name),) = story["owner"].items()
    simulation = Simulation(owner(KINDS[kind], name, story["spec"]))
    *before, last = story.get("passes") or [{}]
    for moment in before:
        happen(simulation, moment)
        simulation.run()
    happen(simulation, last)
    try:
        plan = written(simulation.plan(), simulation, whole=story.get("whole", False))
        return shown(plan, story["shows"]) if "shows" in story else plan
    except Stall as stall:
        return {"stall": {"reason": stall.reason, "message": str(stall)}}


def happen(simulation: Simulation, moment: dict[str, Any]) -> None:
    """Everything that one pass of a story says, in the order of the table below."""
    for what, value in moment.items():
        HAPPENINGS[what](simulation, copy.deepcopy(value))


def written(plan: Plan, simulation: Simulation, *, whole: bool) -> dict[str, Any]:
    """A plan as YAML; objects that are there exactly so already are named only, unless the whole is asked for."""
    same = [manifest for manifest in plan.apply if not whole and simulation.has(manifest)]
    return {
        "status": plan.status,
        "delete": [str(key) for key in plan.delete],
        "again": plan.again,
        "next_check": plan.next_check,
        "ask": {f"{q.about}{f' at {q.address}' if q.address else ''}": every for q, every in plan.ask.items()},
        "unchanged": [str(ObjectKey.of(manifest)) for manifest in same],
        "apply": [dict(manifest) for manifest in plan.apply if manifest not in same],
    }


def shown(plan: dict[str, Any], about: list[str]) -> dict[str, Any]:
    """Of a plan what a situation is about: parts of the plan by their names, objects by their kinds."""
    objects = [manifest for manifest in plan["apply"] if manifest["kind"] in about]
    missing = set(about) - plan.keys() - {manifest["kind"] for manifest in objects}
    assert not missing, f"nothing to show of {missing}"
    return {part: value for part, value in plan.items() if part in about and part != "apply"} | {"apply": objects}


def ready(simulation: Simulation, counts: dict[str, int]) -> None:
    for role, count in counts.items():
        simulation.ready(role, count)


def workload(simulation: Simulation, said: dict[str, dict[str, Any]]) -> None:
    """What the workloads of revisions say of themselves, by role."""
    for role, status in said.items():
        simulation.workload_status(role, **status)


def pods(simulation: Simulation, said: list[dict[str, Any]]) -> None:
    """Pods: of an engine (`of` a role), or of a router or store (no `of`)."""
    simulation.pods.clear()
    for number, pod in enumerate(said):
        role = pod.pop("of", None)
        if role:
            simulation.engine_pod(role, pod, f"engine-{number}")
        else:
            simulation.router_pod(f"pod-{number}", pod or None)


def capabilities(simulation: Simulation, kinds: list[str]) -> None:
    simulation.capabilities = Capabilities("PodMonitor" in kinds, "LeaderWorkerSet" in kinds)


def policies(simulation: Simulation, said: list[dict[str, Any]]) -> None:
    """Policies that name the model; `confirmed` says that their routers all run the Active revision."""
    simulation.policies.clear()
    for entry in said:
        policy = owner(names.ROUTING_POLICY, entry["name"], entry["spec"])
        simulation.policies.append(simulation.confirm(policy) if entry.get("confirmed") else policy)


def beside(simulation: Simulation, said: dict[str, Any]) -> None:
    """The policy whose router is to be in the model's Pods."""
    simulation.beside = owner(names.ROUTING_POLICY, said["name"], said["spec"])


def models(simulation: Simulation, said: dict[str, Any]) -> None:
    """Models with the status that they report."""
    for name, status in said.items():
        simulation.models[name] = {**owner(names.MODEL_DEPLOYMENT, name, {}), "status": status}


def reports(simulation: Simulation, said: list[dict[str, Any]]) -> None:
    """What brains say; `newest` is the hash of the configuration that the last pass wanted."""
    newest = simulation.owner.get("status", {}).get("configuration", {}).get("hash")
    simulation.reports = {
        r["pod"]: RouterReport(
            newest if r["config"] == "newest" else r["config"],
            r.get("error", ""),
            reads=r.get("reads", 1),
            keys=tuple(r.get("keys", ())),
            providers=tuple(r.get("providers", ())),
        )
        for r in said
    }


def complaints(simulation: Simulation, said: dict[str, dict[str, str]]) -> None:
    """Warnings among Events, by the name of what they are about."""
    simulation.complaints = {name: Complaint(**words) for name, words in said.items()}


def check(simulation: Simulation, said: dict[str, str]) -> None:
    simulation.check = StoreCheck(**said)


def remove(simulation: Simulation, kinds: list[str]) -> None:
    """Somebody deletes our objects of these kinds."""
    for key in [key for key in simulation.children if key.kind in kinds]:
        del simulation.children[key]


HAPPENINGS: dict[str, Any] = {
    "wait": Simulation.wait,
    "edit": Simulation.edit,
    "upgrade": lambda simulation, changes: simulation.upgrade(**changes),
    "capabilities": capabilities,
    "ready": ready,
    "deadline": Simulation.deadline,
    "workload": workload,
    "pods": pods,
    "policies": policies,
    "beside": beside,
    "models": models,
    "reports": reports,
    "check": check,
    "complaints": complaints,
    "annotate": Simulation.annotate,
    "remove": remove,
}
