"""The binaries of a cluster: from a folder that the user names, else from the cache, else built once from their Go modules."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from . import golang
from .golang import Module, Tell

BINARIES = Path(__file__).parent / "binaries"
NAMED = ("TIDEGATE_K8S_BINARIES", "KUBEBUILDER_ASSETS")
KUBERNETES = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"]
KUBERNETES_VERSION = golang.pinned(BINARIES, "k8s.io/kubernetes")
PROMETHEUS = ["prometheus", "promtool"]
PROMETHEUS_VERSION = re.sub(
    r"v0\.(\d)0?(\d+)\.", r"\1.\2.", golang.pinned(BINARIES / "prometheus", "github.com/prometheus/prometheus")
)
"""Prometheus 3.15.0 is the Go module's v0.315.0."""
KEDA_MODULE = "github.com/kedacore/keda/v2"
KEDA_VERSION = golang.pinned(BINARIES / "keda", KEDA_MODULE).removeprefix("v")
KEEP_COMMANDS = 7 * 24 * 3600.0  # seconds after which a build of our own programs that nobody used is deleted

CLUSTER = Module(
    BINARIES,
    "building with Go, about 7 minutes on 2 cores for Kubernetes itself, once",
    linked={"k8s.io/component-base/version.gitVersion": KUBERNETES_VERSION},  # each program looks at it when it starts
    renamed={"server": "etcd"},
)
MONITORING = Module(
    BINARIES / "prometheus",
    "building Prometheus with Go, about 2 minutes on 2 cores, once",
    tags="remove_all_sd,enable_kubernetes_sd",  # without the clients of all other clouds
    linked={"github.com/prometheus/common/version.Version": PROMETHEUS_VERSION},
)
SCALING = Module(
    BINARIES / "keda",
    "building KEDA with Go, about 6 minutes on 2 cores, once",
    linked={f"{KEDA_MODULE}/version.Version": KEDA_VERSION},
    renamed={"operator": "keda", "adapter": "keda-adapter"},  # as its own images call them
)


def kubernetes(tell: Tell) -> Path:
    """The folder of etcd, the control plane, kubelet and helm."""
    return _named_folder(tell) or golang.built(CLUSTER, CLUSTER.key, ["tool"], tell)


def commands(tell: Tell) -> Path:
    """The folder of our own programs: separate, so that a change of them builds in seconds."""
    key = f"{CLUSTER.key}-{CLUSTER.hash(sorted(BINARIES.rglob('*.go')))}"
    folder = golang.built(CLUSTER, key, ["./cmd/..."], tell)
    os.utime(folder)
    _forget_old_commands(folder.parent)
    return folder


def prometheus(tell: Tell) -> Path:
    """The folder of prometheus and promtool: separate, because no cluster waits for it that is not watched."""
    folder = prometheus_folder()
    return golang.built(MONITORING, MONITORING.key, ["tool"], tell) if _missing(folder, PROMETHEUS) else folder


def prometheus_folder() -> Path:
    """Where they lie, or will lie when they have been built."""
    named = Path(os.environ.get(NAMED[0]) or "/nowhere").resolve()
    return golang.cached(MONITORING.key) if _missing(named, PROMETHEUS) else named


def keda(tell: Tell) -> Path:
    """The folder of keda and keda-adapter: separate, because one test alone wants them."""
    return golang.built(SCALING, SCALING.key, ["tool"], tell)


def keda_source(tell: Tell) -> Path:
    """The folder of the Go module that they are built from, with KEDA's manifests."""
    return golang.source(SCALING, KEDA_MODULE, tell)


def _named_folder(tell: Tell) -> Path | None:
    for variable in NAMED:
        if not os.environ.get(variable):
            continue
        folder = Path(os.environ[variable]).resolve()
        missing = _missing(folder, KUBERNETES)
        if not missing:
            return folder
        if variable == NAMED[0]:
            raise golang.BuildError(f"{variable}={folder} lacks {', '.join(missing)}")
        tell(f"{variable} lacks {', '.join(missing)}: not used")
    return None


def _missing(folder: Path, names: Sequence[str]) -> list[str]:
    return [name for name in names if not (folder / name).exists()]


def _forget_old_commands(folder: Path) -> None:
    for old in folder.glob("*-*"):
        if old.is_dir() and time.time() - old.stat().st_mtime > KEEP_COMMANDS:
            shutil.rmtree(old, ignore_errors=True)
