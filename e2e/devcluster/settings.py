"""What a dev cluster is made of and where its files lie: the one value that every part of the package is given."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

SERVER_IP = "10.250.0.2"  # the API server, etcd, DNS and node 1: all nodes share one network namespace
API_URL = f"https://{SERVER_IP}:6443"
SERVICE_CIDR = "10.96.0.0/16"
KUBERNETES_SERVICE_IP = "10.96.0.1"
DNS_SERVICE_IP = "10.96.0.10"
POD_CIDR = "10.244.0.0/16"
MOST_NODES = 200


def run_folder() -> Path:
    """The folder of all clusters of this user: short, because paths of Unix sockets end at 108 characters."""
    return Path(os.environ.get("TIDEGATE_RUN") or f"/tmp/tidegate-{os.getuid()}").absolute()


def cache_folder() -> Path:
    """What outlives clusters: the Kubernetes binaries, and Go where the machine has none."""
    if named := os.environ.get("TIDEGATE_CACHE"):
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tidegate"


@dataclass(frozen=True)
class Node:
    """A machine of the cluster; `number` counts from 1."""

    number: int

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def ip(self) -> str:
        return f"10.250.0.{self.number + 1}"

    @property
    def pod_prefix(self) -> str:
        """The first three bytes of its Pods' addresses; `.1` is the gateway."""
        return f"10.244.{self.number}"

    @property
    def pod_cidr(self) -> str:
        return f"{self.pod_prefix}.0/24"


@dataclass(frozen=True)
class Settings:
    """One cluster. `state` is its folder; `binaries` holds Kubernetes, `commands` our own programs."""

    name: str
    state: Path
    binaries: Path
    commands: Path
    kubectl: str
    bwrap: str
    nodes: int = 2
    gpus: int = 4
    eviction_seconds: int = 300  # Kubernetes' own default: how long Pods of a lost node are waited for

    @property
    def all_nodes(self) -> list[Node]:
        return [Node(number) for number in range(1, self.nodes + 1)]

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def image_table(self) -> Path:
        return self.state / "images.json"

    @property
    def control_socket(self) -> Path:
        return self.state / "control"

    @property
    def progress(self) -> Path:
        return self.state / "progress"

    @property
    def volumes(self) -> Path:
        """PersistentVolumes: one folder each, seen by every node."""
        return self.state / "volumes"

    @property
    def outside_kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def api_port_file(self) -> Path:
        """The port of 127.0.0.1 that the API server is brought to."""
        return self.state / "api-port"

    def kubeconfig(self, user: str) -> Path:
        """The kubeconfig of one user, for programs inside the cluster's network."""
        return self.state / "kubeconfigs" / user

    def node_folder(self, node: Node) -> Path:
        return self.state / node.name

    def save(self) -> None:
        text = json.dumps(asdict(self), default=str, indent=1)
        (self.state / "settings.json").write_text(text)

    @classmethod
    def load(cls, state: Path) -> Settings:
        """Raises FileNotFoundError when there is no cluster in that folder."""
        raw = json.loads((state / "settings.json").read_text())
        for key in ("state", "binaries", "commands"):
            raw[key] = Path(raw[key])
        return cls(**raw)
