"""The claim for weights as far as Kubernetes lets it change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import live, model
from tests.support.simulation import Simulation
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.plan.kube.claim import fitted
from tidegate.plan.model.services import weights_claim
from tidegate.plan.plan import Manifest, ObjectKey

OWNER = model(source={"storage": {"claim": {"size": "50Gi", "storageClassName": "fast"}}})
WANTED: dict[str, Any] = weights_claim(OWNER, ModelDeployment.model_validate(OWNER)) or {}


def there(size: str = "50Gi", **spec: Any) -> dict[str, Any]:
    """The claim as the API server has it."""
    found = {"accessModes": ["ReadWriteMany"], "storageClassName": "fast", "volumeName": "pv-1", **spec}
    return live({**WANTED, "spec": {**found, "resources": {"requests": {"storage": size}}}})


def size(claim: Manifest) -> str:
    return str(claim["spec"]["resources"]["requests"]["storage"])


@pytest.mark.parametrize(
    ("asked_before", "expected"),
    [
        ("50Gi", "50Gi"),
        ("20Gi", "50Gi"),  # it grows
        ("80Gi", "80Gi"),  # an administrator has let it grow
        ("51200Mi", "50Gi"),
        ("0.5Ti", "0.5Ti"),
        ("53687091200", "50Gi"),
    ],
)
def test_the_larger_size(asked_before: str, expected: str) -> None:
    assert size(fitted(WANTED, there(asked_before))) == expected


def test_what_cannot_be_changed_stays() -> None:
    found = fitted(WANTED, there(accessModes=["ReadWriteOnce"], storageClassName="slow"))
    assert found["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert found["spec"]["storageClassName"] == "slow"
    assert found["metadata"] == WANTED["metadata"]
    assert "volumeName" not in found["spec"], "what others write is not ours"


def test_a_class_that_was_not_asked_for_is_not_written() -> None:
    plain = {**WANTED, "spec": {k: v for k, v in WANTED["spec"].items() if k != "storageClassName"}}
    assert "storageClassName" not in fitted(plain, there())["spec"]


@pytest.mark.parametrize(
    "found", [None, {**there(), "spec": None}, {**there(), "metadata": {"name": "another"}}, {"metadata": {}}]
)
def test_nothing_to_fit(found: Any) -> None:
    assert fitted(WANTED, found) == WANTED


@pytest.mark.parametrize("resources", [{}, {"requests": {}}, {"requests": {"storage": 7}}])
def test_a_size_that_cannot_be_read(resources: dict[str, Any]) -> None:
    assert size(fitted(WANTED, {**there(), "spec": {"resources": resources}})) == "50Gi"


def test_a_claim_that_an_administrator_let_grow() -> None:
    """kubectl patch pvc, then a larger number of replicas: nothing to do about the claim, and the rest goes on."""
    simulation = Simulation(OWNER)
    simulation.run()
    key = ObjectKey.of(WANTED)
    grown = simulation.children[key]
    simulation.children[key] = {**grown, "spec": there("80Gi")["spec"]}
    simulation.edit({"replicas": 2})
    made = {manifest["kind"]: manifest for manifest in simulation.run().apply}
    assert size(made["PersistentVolumeClaim"]) == "80Gi"
    assert made["Deployment"]["spec"]["replicas"] == 2


def test_nothing_needs_the_claim_to_be_written() -> None:
    """One that is refused stops neither scaling nor clean-up."""
    simulation = Simulation(OWNER)
    simulation.run()
    plan = simulation.plan()
    assert not [key for key, needs in plan.needs.items() if ObjectKey.of(WANTED) in needs]
