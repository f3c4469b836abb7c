"""The programs are what go.mod pins, and say so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from e2e.devcluster import build

PROGRAMS = [name for name in build.KUBERNETES if name != "etcd"]


def _told(program: Path) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_versions() -> None:
    assert re.fullmatch(r"v1\.\d+\.\d+", build.KUBERNETES_VERSION)
    assert re.fullmatch(r"3\.\d+\.\d+", build.PROMETHEUS_VERSION)


@pytest.mark.cluster
def test_every_program_starts_and_tells_its_version() -> None:
    folder = build.kubernetes(print)
    for name in PROGRAMS:
        assert _told(folder / name) == f"Kubernetes {build.KUBERNETES_VERSION}\n"


@pytest.mark.cluster
def test_prometheus_starts_and_tells_its_version() -> None:
    folder = build.prometheus(print)
    for name in build.PROMETHEUS:
        assert _told(folder / name).startswith(f"{name}, version {build.PROMETHEUS_VERSION} ")


def test_a_named_folder_may_hold_prometheus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_K8S_BINARIES", str(tmp_path))
    assert build.prometheus_folder() != tmp_path
    for name in build.PROMETHEUS:
        (tmp_path / name).touch()
    assert build.prometheus_folder() == build.prometheus(print) == tmp_path


def test_keda_is_built_from_the_module_that_its_manifests_are_in() -> None:
    assert build.keda_source(print).name == f"v2@v{build.KEDA_VERSION}"
