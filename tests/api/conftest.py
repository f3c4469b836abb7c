"""A real API server with our CRDs, shared by the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.devcluster import Cluster

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="package")
def api_server() -> Iterator[Cluster]:
    """A cluster with the three CRDs, established."""
    with Cluster.start(f"api-{os.getpid()}", nodes=1, gpus=0) as cluster:
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(ROOT / "crds"))
        yield cluster
