"""`kubectl tidegate plan`: what applying a manifest would do, by the operator's own functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.plan.model.test_gated import Judged
from tests.plan.model.test_trial import MODEL
from tests.support.builders import owner, policy
from tidegate import names
from tidegate.cli.manifests import Document
from tidegate.cli.plugin.asked import models
from tidegate.cli.plugin.foresee import applied, foresee, lines
from tidegate.plan.capacity.nodes import Node, Nodes
from tidegate.plan.plan import ObjectKey, Question
from tidegate.plan.samples import Sample

GPUS = Question(ObjectKey("v1", "Node", "", "nvidia.com/gpu"))
CANARY: dict[str, Any] = {
    "canary": {"steps": [{"traffic": "10%", "hold": "5m"}, {"traffic": "50%", "approval": "Manual"}]}
}
NEW: dict[str, Any] = {"engine": {"gpus": {"count": 1}, "image": "other:2"}}


def serving(**spec: Any) -> Judged:
    """Four engines of one GPU."""
    made = Judged(owner(names.MODEL_DEPLOYMENT, "small", {**MODEL, **spec}))
    made.policies = [policy(backends=[{"name": "small", "modelDeploymentRef": {"name": "small"}}])]
    made.run()
    made.ready("Active", 4)
    made.go_on()
    return made


def told(made: Judged, free: int | None = 9, **spec: Any) -> str:
    """What is said of its spec with these fields."""
    manifest = {"metadata": {"name": "small"}, "spec": {**made.owner["spec"], **spec}}
    world = replace(made.model_world(), owner=applied(made.owner, manifest, "shop"))
    heard = {GPUS: Sample(Nodes((Node("a", free),)) if free is not None else Nodes(unknown="nodes is forbidden"), 0.0)}
    return "\n".join(lines(foresee(replace(world, samples=heard), made.now)))


def test_a_canary() -> None:
    made = serving(rollout=CANARY, objectives=[{"name": "errors", "errorRate": {"max": "1%"}}])
    found = told(made, **NEW)
    assert f"takes the place of {made.revision('Active')} (Canary)" in found
    assert [" ".join(line.split()) for line in found.splitlines()[2:5]] == [
        "1 10 % 5 min 1 4 5",
        "2 50 % manual 2 4 6",
        "end 100 % - 4 0 4",
    ]
    assert "nodes have room for 9 engines more (9 GPUs): enough" in found
    assert "Answers: all old engines answer until the new ones do" in found
    assert "Judged: objectives are compared with the old revision at each step" in found


def test_too_few_gpus() -> None:
    assert "3 GPUs are missing, and engines wait for them" in told(serving(rollout=CANARY), free=1, **NEW)


def test_a_swap_where_there_are_too_few() -> None:
    found = told(serving(rollout={**CANARY, "capacity": {"whenFull": "Swap"}}), free=0, **NEW)
    assert "down to 3 of 4 engines answer while others start" in found
    assert "MISSING" not in found.upper()


def test_nobody_may_look_at_nodes() -> None:
    assert "whether 4 are free is not known: nodes is forbidden" in told(serving(rollout=CANARY), free=None, **NEW)


def test_recreate() -> None:
    assert "nobody answers" in told(serving(rollout={"strategy": "Recreate"}), **NEW)


def test_without_steps() -> None:
    found = told(serving(), **NEW)
    assert "(no steps)" in found
    assert "Judged: no objectives: nothing is judged" in found


def test_without_a_policy() -> None:
    made = serving(rollout={"canary": {"steps": CANARY["canary"]["steps"][:1]}})
    made.policies = []
    assert "No RoutingPolicy leads to it" in told(made, **NEW)
    found = told(made, **NEW, objectives=[{"name": "errors", "errorRate": {"max": "1%"}}])
    assert "1     0 %  manual" in found
    assert "no RoutingPolicy leads to the model, so that nobody can give it a share" in found


def test_no_new_revision() -> None:
    made = serving()
    assert told(made, replicas=4).startswith(f"mdep/small: no new revision: {made.revision('Active')} serves")
    assert "6 then; GPUs: 0 today, 6 then" in told(made, replicas=6)


def test_suspended() -> None:
    assert "nothing is touched" in told(serving(), suspend=True, **NEW)


def test_one_that_was_taken_back() -> None:
    made = serving(rollout=CANARY)
    made.edit(NEW)
    made.go_on()
    made.owner["metadata"]["annotations"] = {"tidegate.dev/abort": made.revision("Candidate")}
    made.go_on()
    assert "kubectl tidegate rollout retry small" in told(made)


def test_the_first_revision() -> None:
    manifest = owner(names.MODEL_DEPLOYMENT, "small", MODEL)
    del manifest["metadata"]["uid"], manifest["metadata"]["resourceVersion"]
    made = Judged(applied(None, manifest, "shop"))
    world = replace(made.model_world(), samples={GPUS: Sample(Nodes((Node("a", 1),)), 0.0)})
    found = "\n".join(lines(foresee(world, made.now)))
    assert "is the first one: 4 engines with 1 GPU each" in found
    assert "3 GPUs are missing" in found


def test_a_number_that_somebody_else_wrote_stays() -> None:
    live = {"metadata": {"annotations": {"a": "1"}}, "spec": {"replicas": 7, "model": {}}}
    found = applied(live, {"metadata": {"annotations": {"b": "2"}}, "spec": {"model": {"uri": "x"}}}, "shop")
    assert found["spec"] == {"replicas": 7, "model": {"uri": "x"}}
    assert found["metadata"]["annotations"] == {"a": "1", "b": "2"}


def document(kind: str = names.MODEL_DEPLOYMENT, **metadata: Any) -> Document:
    made = owner(kind, "small", MODEL)
    made["metadata"] = {"name": "small", **metadata}
    return Document("a.yaml", 1, made)


def test_which_models_a_file_speaks_of() -> None:
    assert [one["metadata"]["name"] for one in models([document(), document("Service")], "")] == ["small"]
    with pytest.raises(ValueError, match="no ModelDeployment in it"):
        models([document("Service")], "")
    with pytest.raises(ValueError, match=r"metadata\.namespace: is shop, and the command line says other"):
        models([document(namespace="shop")], "other")
    broken = document()
    broken.manifest["spec"] = {**MODEL, "zzz": 1}
    with pytest.raises(ValueError, match=r"spec.zzz: there is no such field"):
        models([broken], "")
