"""Promise: `kubectl delete --cascade=orphan` leaves everything as it runs, and the same object applied again takes it back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from e2e.harness import Object, Place, model

pytestmark = pytest.mark.cluster
CHILDREN = "deploy,svc,sa,pdb,controllerrevision,pods"
MINE = "tidegate.dev/model=small"


def children(place: Place) -> list[Object]:
    """Everything of the model's."""
    found: list[Object] = place.get(CHILDREN, "-l", MINE)["items"]
    return found


def uids(place: Place) -> dict[str, str]:
    """Of everything of the model's."""
    return {f"{child['kind']}/{child['metadata']['name']}": child["metadata"]["uid"] for child in children(place)}


def owners(place: Place) -> set[str]:
    """Uids of ModelDeployments that own something."""
    references: list[Any] = [ref for child in children(place) for ref in child["metadata"].get("ownerReferences", [])]
    return {ref["uid"] for ref in references if ref["kind"] == "ModelDeployment"}


ESCAPED: Object = {"env": [{"name": "MARK", "value": "<a> & b"}]}
"""What Go writes in another way than we do; Kubernetes compares what a ControllerRevision keeps byte by byte."""


def test_orphans_stay_and_are_taken_back(place: Place) -> None:
    place.apply(model(engine=ESCAPED))
    place.ready("mdep/small")
    before = uids(place)
    place.kubectl("delete", "mdep/small", "--cascade=orphan", "--timeout=100s")
    place.at_rest()
    assert owners(place) == set()
    assert uids(place) == before
    url = place.cluster.forward(place.name, "small", 80)
    place.wait(lambda: httpx.get(f"{url}/health", timeout=5).status_code == 200, "the engine answers")
    place.apply(model(engine=ESCAPED))
    place.ready("mdep/small")
    place.at_rest()
    assert owners(place) == {place.get("mdep/small")["metadata"]["uid"]}
    assert uids(place) == before
