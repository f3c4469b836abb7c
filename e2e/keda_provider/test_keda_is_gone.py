"""Promise: where KEDA ended before what it scaled, engines stay, the operator decides when it is told to, and what its finalizer holds up
can be freed as docs/how-to/troubleshooting.md says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e import keda
from e2e.devcluster import Cluster
from e2e.harness import Place
from e2e.keda_provider.scaled import active, decides, engines, replicas, scaled, standing, wants

pytestmark = [pytest.mark.cluster, pytest.mark.long]
FREE = ("patch", "scaledobjects.keda.sh/small", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
"""As it stands in the docs."""
WAITS = "ScaledObject small is being deleted, and waits for whoever takes away finalizer.keda.sh"


@contextmanager
def _keda_ends(place: Place) -> Iterator[None]:
    """A model that KEDA scaled to two, and in the block no KEDA any more."""
    place.apply(scaled(autoscaling=wants(2)))
    place.ready("mdep/small")
    decides(place)
    place.wait(lambda: replicas(place) == 2, "KEDA asks for 2", 90)
    place.ready("mdep/small")
    keda.stop(place.cluster)
    try:
        yield
    finally:
        keda.start(place.cluster)


def _held(place: Place) -> list[str]:
    [found] = place.items("scaledobjects.keda.sh")
    return list(found["metadata"]["finalizers"]) if found["metadata"].get("deletionTimestamp") else []


def test_the_operator_takes_over(place: Place) -> None:
    with _keda_ends(place):
        before = standing(place)
        place.apply(scaled("Operator", {"minReplicas": 2}, replicas=1))
        place.wait(lambda: _held(place) == ["finalizer.keda.sh"], "the ScaledObject waits for KEDA")
        place.ready("mdep/small")
        place.at_rest()
        assert (standing(place), engines(place)) == (before, 2)
        place.apply(scaled(autoscaling=wants(2)))
        place.wait(lambda: active(place) == ("Unknown", "HandingOver", WAITS), "the old one has to go first")
        place.at_rest()
        place.kubectl(*FREE)
        place.wait(lambda: _held(place) == [] and place.items("scaledobjects.keda.sh"), "a new one is made")
    decides(place)
    assert standing(place) == before


def test_a_namespace_that_is_deleted(installed: Cluster) -> None:
    """It waits for the finalizer and, as every namespace does, for an APIService that leads nowhere."""
    place = Place.make(installed)
    with _keda_ends(place):
        installed.kubectl("delete", "namespace", place.name, "--wait=false")
        place.wait(lambda: "finalizer.keda.sh" in _why(place, "NamespaceFinalizersRemaining"), "it names it", 120)
        assert "external.metrics.k8s.io" in _why(place, "NamespaceDeletionDiscoveryFailure")
        place.wait(lambda: not place.items("mdep,pods"), "all else is gone")
        place.kubectl(*FREE)
        with keda.not_registered(installed):
            place.wait(lambda: place.name not in _namespaces(installed), "the namespace is gone", 120)


def _why(place: Place, kind: str) -> str:
    said = place.cluster.get("namespace", place.name)["status"].get("conditions", [])
    return "".join(c["message"] for c in said if c["type"] == kind and c["status"] == "True")


def _namespaces(cluster: Cluster) -> set[str]:
    return {found["metadata"]["name"] for found in cluster.get("namespaces")["items"]}
