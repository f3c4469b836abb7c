"""One cluster with the operator for each pytest worker, a namespace for each test, and traffic that must not suffer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e import monitoring
from e2e.devcluster import Cluster
from e2e.harness import API, Place
from e2e.install import install_chart
from e2e.load.heavy import RATE, STREAMS, HeavyLoad
from e2e.load.report import Tally
from e2e.load.stage import Stage

STORE = {"managed": {"memory": "64Mi", "storage": {"size": "1Gi", "retention": {"whenDeleted": "Delete"}}}}
LOADS = [pytest.param((10, 10), id="light"), pytest.param((STREAMS, RATE), id="heavy", marks=pytest.mark.long)]
"""Streams at a time and short requests a second: what fits beside other tests, and what is promised."""


@pytest.fixture(scope="package")
def installed() -> Iterator[Cluster]:
    """A cluster of two nodes of eight GPUs with the operator installed by Helm; its tests run on whatever worker has it. It ends with the
    last of them, and not with those in tests/, which would have to share two cores with it."""
    name = f"e2e-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}"
    with Cluster.start(name, nodes=2, gpus=8) as cluster:
        install_chart(cluster, *monitoring.settings(1))
        yield cluster


@contextmanager
def namespace(cluster: Cluster) -> Iterator[Place]:
    """One that is deleted afterwards."""
    made = Place.make(cluster)
    yield made
    cluster.kubectl("delete", "namespace", made.name, "--wait=false")


@pytest.fixture
def place(installed: Cluster) -> Iterator[Place]:
    """A namespace of this test."""
    with namespace(installed) as made:
        yield made


@pytest.fixture(scope="module")
def shared_place(installed: Cluster) -> Iterator[Place]:
    """A namespace of all tests of a file: each must leave what is there as it was."""
    with namespace(installed) as made:
        yield made


@pytest.fixture(scope="module")
def stage(shared_place: Place) -> Stage:
    """A model, its routers and a store, in the namespace of all tests of a file."""
    tier = {"apiVersion": API, "kind": "CacheTier", "metadata": {"name": "shared"}, "spec": {"store": STORE}}
    shared_place.apply(tier)
    made = Stage.set_up(shared_place)
    shared_place.ready("ctier/shared")
    return made


@pytest.fixture(params=LOADS)
def traffic(installed: Cluster, request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Requests to a policy in a namespace of their own, which goes on while a test does something elsewhere in the cluster:
    none may fail, no stream may be cut."""
    streams, rate = request.param
    with namespace(installed) as place:
        Stage.set_up(place)
        with HeavyLoad(place, streams, rate).running() as tally:
            yield tally
    assert tally.harm == ([], 0, 0)
