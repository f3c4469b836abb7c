"""KEDA in the cluster, for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e import keda, monitoring
from e2e.devcluster import Cluster


@pytest.fixture(scope="package", autouse=True)
def deciding(installed: Cluster) -> Iterator[None]:
    """A Prometheus that watches the engines, and KEDA, which asks it."""
    monitoring.watching(installed)
    keda.install(installed)
    yield
    keda.uninstall(installed)
