"""One cluster with the operator for each pytest worker, and a namespace for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from e2e.devcluster import Cluster
from e2e.harness import Place
from e2e.install import install_chart


@pytest.fixture(scope="session")
def installed() -> Iterator[Cluster]:
    """A cluster of two nodes of eight GPUs with the operator installed by Helm; its tests run on whatever worker has it."""
    name = f"e2e-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}"
    with Cluster.start(name, nodes=2, gpus=8) as cluster:
        install_chart(cluster)
        yield cluster


@pytest.fixture
def place(installed: Cluster) -> Iterator[Place]:
    """A namespace that is deleted afterwards."""
    made = Place.make(installed)
    yield made
    installed.kubectl("delete", "namespace", made.name, "--wait=false")
