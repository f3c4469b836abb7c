"""Promise: from one provider to another no engine comes, none goes, and no stream is cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e import keda, monitoring
from e2e.devcluster import Cluster
from e2e.harness import Load, Place, policy
from e2e.install import install_chart
from e2e.keda_provider.scaled import active, decides, replicas, scaled, standing, valued, wants

pytestmark = [pytest.mark.cluster, pytest.mark.long]


def _set_up(place: Place, provider: str) -> None:
    """Three engines."""
    place.apply(scaled(provider, wants(3)), policy())
    place.ready("mdep/small", "rpol/front")
    if provider == "KEDA":
        decides(place)
    place.wait(lambda: _ready(place) == 3, f"{provider} asks for 3, and they answer", 150)
    place.ready("mdep/small")


def _ready(place: Place) -> int:
    return int(place.get("mdep/small")["status"]["readyReplicas"])


@contextmanager
def _nobody_moves(place: Place) -> Iterator[None]:
    """In the block, under streams."""
    before = standing(place)
    with Load(place.router()).running(streams=6, tokens=100, short=2) as tally:
        yield
        assert standing(place) == before
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0)


def _keda_has_decided(place: Place) -> None:
    decides(place)
    place.wait(lambda: valued(place) == 1, "its HPA has looked", 90)


def test_from_the_operator_to_keda_and_back(place: Place) -> None:
    _set_up(place, "Operator")
    with _nobody_moves(place):
        place.apply(scaled("KEDA", wants(3)))
        _keda_has_decided(place)
        assert replicas(place) == 3
        place.apply(scaled("Operator", wants(3), replicas=1))
        place.wait(lambda: not place.items("scaledobjects.keda.sh,hpa"), "nothing of KEDA's is left")
        place.wait(lambda: "provider" not in place.get("mdep/small")["status"]["autoscaling"], "the operator decides")
        place.ready("mdep/small")


def test_from_keda_to_an_hpa(place: Place) -> None:
    """And with it the external metrics, of which a cluster has one server."""
    _set_up(place, "KEDA")
    with _nobody_moves(place), _served_by_the_operator(place.cluster):
        place.apply(scaled("HPA", wants(3)))
        place.wait(lambda: not place.items("scaledobjects.keda.sh"), "no ScaledObject is left")
        place.wait(lambda: _targets(place) == ["small"], "the HPA of KEDA's is gone, and ours is there")
        place.wait(lambda: valued(place) == 1, "it has looked", 90)
        place.wait(lambda: active(place)[:2] == ("True", "ProviderDecides"), "it decides", 60)
        assert replicas(place) == 3


def _targets(place: Place) -> list[str]:
    return [hpa["metadata"]["name"] for hpa in place.items("hpa")]


@contextmanager
def _served_by_the_operator(cluster: Cluster) -> Iterator[None]:
    """External metrics, in KEDA's place."""
    with keda.not_registered(cluster):
        install_chart(cluster, *monitoring.settings(1), "externalMetrics.enabled=true")
        try:
            yield
        finally:
            install_chart(cluster, *monitoring.settings(1))
