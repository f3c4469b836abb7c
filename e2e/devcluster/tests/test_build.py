"""Kubernetes' programs are what go.mod pins, and say so."""

from __future__ import annotations

import re
import subprocess

import pytest

from e2e.devcluster import build

PROGRAMS = [name for name in build.KUBERNETES if name != "etcd"]


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"v1\.\d+\.\d+", build.kubernetes_version())


@pytest.mark.cluster
def test_every_program_starts_and_tells_its_version() -> None:
    folder = build.kubernetes(print)
    for name in PROGRAMS:
        told = subprocess.run([folder / name, "--version"], capture_output=True, text=True, check=True, timeout=60)
        assert told.stdout == f"Kubernetes {build.kubernetes_version()}\n"
