"""A real KEDA in a dev cluster: its own manifests (config/minimal of its Go module), with the programs that `devcluster` builds.

It is given certificates, which it would make itself a minute later, and watches Kubernetes as often as it always does.
"""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.devcluster import Cluster, Image, build
from e2e.devcluster.cluster import say
from tests.support.authority import Authority

Object = dict[str, Any]
NAMESPACE: Final = "keda"
PROGRAMS: Final = {"ghcr.io/kedacore/keda": "keda", "ghcr.io/kedacore/keda-metrics-apiserver": "keda-adapter"}
"""By their images."""
SERVED: Final = "v1beta1.external.metrics.k8s.io"
"""The APIService."""
CERTIFICATES: Final = "kedaorg-certs"
USER: Final = "1000:1000"


def install(cluster: Cluster, tell: Callable[[str], None] = say) -> None:
    """Builds KEDA where it never was, and waits until it serves external metrics."""
    folder = build.keda(tell)
    cluster.set_images([_image(name, folder / program) for name, program in PROGRAMS.items()])
    with tempfile.TemporaryDirectory() as kept:
        authority = Authority(Path(kept))
        made = [_fitted(found, authority.pem) for found in _manifests(cluster, tell)]
        made.insert(1, _certificates(authority))
    made.sort(key=lambda each: each["kind"] != "Namespace")
    cluster.kubectl("apply", "--server-side", "-f", "-", input=yaml.safe_dump_all(made))
    for name in ("keda-operator", "keda-metrics-apiserver"):
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=100s")
    cluster.wait(lambda: _serves(cluster), "KEDA serves external metrics", 60)


def uninstall(cluster: Cluster) -> None:
    """What other tests of this cluster would meet: its kinds, and who serves external metrics."""
    cluster.kubectl("delete", "apiservice", SERVED, "--wait=true")
    cluster.kubectl("delete", "scaledobjects.keda.sh", "--all", "--all-namespaces", "--wait=true")
    cluster.kubectl("delete", "crd", "scaledobjects.keda.sh", "--wait=true")
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def stop(cluster: Cluster) -> None:
    """Its programs end; its kinds stay, as they do where the uninstall of its chart waits for finalizers."""
    _scale(cluster, 0)
    cluster.wait(lambda: not cluster.get("-n", NAMESPACE, "pods")["items"], "KEDA has ended")


def start(cluster: Cluster) -> None:
    """After `stop`; waits until it serves external metrics again."""
    _scale(cluster, 1)
    cluster.wait(lambda: _serves(cluster), "KEDA serves external metrics", 60)


@contextmanager
def not_registered(cluster: Cluster) -> Iterator[None]:
    """Nobody, or somebody else, serves external metrics in the block."""
    kept = cluster.get("apiservice", SERVED)
    cluster.kubectl("delete", "apiservice", SERVED)
    try:
        yield
    finally:
        again = {"apiVersion": kept["apiVersion"], "kind": kept["kind"], "metadata": {"name": SERVED}}
        cluster.kubectl("apply", "-f", "-", input=json.dumps({**again, "spec": kept["spec"]}))


def _scale(cluster: Cluster, replicas: int) -> None:
    cluster.kubectl("-n", NAMESPACE, "scale", "deploy", "--all", f"--replicas={replicas}")


def _image(name: str, program: Path) -> Image:
    return Image(references=(name,), command=(str(program),), binds=(str(program.parent),), user=USER)


def _manifests(cluster: Cluster, tell: Callable[[str], None]) -> list[Object]:
    folder = build.keda_source(tell) / "config/minimal"
    argv = [cluster.settings.kubectl, "kustomize", str(folder)]
    rendered = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    return list(yaml.safe_load_all(rendered))


def _certificates(authority: Authority) -> Object:
    services = ("keda-operator", "keda-metrics-apiserver")
    names = [f"DNS:{one}.{NAMESPACE}.svc{end}" for one in services for end in ("", ".cluster.local")]
    certificate, key = authority.files(*names)
    held = {"ca.crt": authority.pem, "tls.crt": certificate.read_bytes(), "tls.key": key.read_bytes()}
    data = {name: base64.b64encode(content).decode() for name, content in held.items()}
    metadata = {"name": CERTIFICATES, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def _fitted(manifest: Object, authority: bytes) -> Object:
    """The programs of the image table, at once, with the certificates that are there."""
    if manifest["kind"] == "APIService":
        manifest["spec"]["caBundle"] = base64.b64encode(authority).decode()
    if manifest["kind"] == "Deployment":
        [container] = manifest["spec"]["template"]["spec"]["containers"]
        del container["command"]
        container["args"] = [arg for arg in container["args"] if "cert-rotation" not in arg]
        for probe in ("livenessProbe", "readinessProbe"):
            container[probe] |= {"initialDelaySeconds": 0, "periodSeconds": 2}
    return manifest


def _serves(cluster: Cluster) -> bool:
    found = cluster.get("apiservice", SERVED)["status"]["conditions"]
    return any(c["type"] == "Available" and c["status"] == "True" for c in found)
