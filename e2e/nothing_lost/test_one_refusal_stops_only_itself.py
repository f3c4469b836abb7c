"""Promise: what the API server refuses is told in its own words, and stops nothing but itself."""

from __future__ import annotations

import json

import pytest

from e2e.devcluster import Cluster
from e2e.harness import Object, Place, model

pytestmark = pytest.mark.cluster


def ready_engines(place: Place) -> int:
    """Engines of the model that answer, as its status says."""
    return int(place.get("mdep/small").get("status", {}).get("readyReplicas", 0))


def told(place: Place, words: str) -> None:
    """Waits until Ready's message has these words."""
    place.wait(lambda: words in place.condition("mdep/small", "Ready").get("message", ""), f"{words!r} is told")


def test_a_name_that_is_taken_holds_up_no_other_child(place: Place) -> None:
    spec = {"ports": [{"port": 1}]}
    place.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "small"}, "spec": spec}, model())
    place.wait(lambda: place.condition("mdep/small", "Stalled").get("reason") == "NameTaken", "it is told")
    place.wait(lambda: ready_engines(place) == 1, "its engine answers")
    place.kubectl("scale", "mdep/small", "--replicas=2")
    place.wait(lambda: ready_engines(place) == 2, "it scales")
    assert place.condition("mdep/small", "Ready")["status"] == "True"
    assert place.condition("mdep/small", "Stalled")["reason"] == "NameTaken"


def test_a_claim_that_somebody_enlarged_is_no_trouble(place: Place, installed: Cluster) -> None:
    standard = installed.get("storageclass", "standard")
    larger: Object = {**standard, "metadata": {"name": "growing"}, "allowVolumeExpansion": True}
    installed.apply(larger)
    storage = {"claim": {"size": "1Gi", "storageClassName": "growing"}}
    place.apply(model(model={"storage": storage}))
    place.ready("mdep/small")
    grown = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    place.kubectl("patch", "pvc/small-weights", "-p", json.dumps(grown))
    place.kubectl("scale", "mdep/small", "--replicas=2")
    place.ready("mdep/small")
    assert ready_engines(place) == 2
    assert place.condition("mdep/small", "Stalled")["status"] == "False"
    assert place.get("pvc/small-weights")["spec"]["resources"]["requests"]["storage"] == "2Gi"


def test_a_quota_is_told_in_its_own_words(place: Place) -> None:
    place.apply(model())
    place.ready("mdep/small")
    quota = {"hard": {"requests.nvidia.com/gpu": "1"}}
    place.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "gpus"}, "spec": quota})
    place.apply(model(engine={"maxNumSeqs": 8}))
    told(place, "exceeded quota: gpus")
    assert place.condition("mdep/small", "Ready")["status"] == "True"
    assert place.condition("mdep/small", "Stalled")["status"] == "False"


def test_a_missing_account_is_told_by_its_name(place: Place) -> None:
    place.apply(model(engine={"serviceAccountName": "llama-reader"}))
    told(place, 'serviceaccount "llama-reader" not found')
    assert place.condition("mdep/small", "Ready")["status"] == "False"
