"""The dev cluster as tests use it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import control, images, launch, processes
from .api import Api, ApiError
from .images import Image
from .launch import ClusterError
from .settings import Settings

Objects = str | dict[str, Any] | Iterable[dict[str, Any]]


def say(text: str) -> None:
    """Progress goes to stderr, so that stdout stays the commands' own; a leading CR overwrites the line."""
    end = "" if text.startswith("\r") else "\n"
    print(text if sys.stderr.isatty() else text.lstrip("\r"), end=end if sys.stderr.isatty() else "\n", file=sys.stderr)


class Cluster:
    """A running cluster: use `Cluster.start`, or `Cluster.attach` for one that `up` left running.

    `api` asks the API server directly, by path: many times faster than kubectl.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.api = Api(settings, "admin", ("127.0.0.1", int(settings.api_port_file.read_text())))
        self._forwards: dict[tuple[str, int], str] = {}

    @classmethod
    def start(
        cls,
        name: str,
        nodes: int = 2,
        gpus: int = 4,
        images: Sequence[Image] = (),
        eviction_seconds: int = 300,
        tell: Callable[[str], None] = say,
    ) -> Self:
        """Start a cluster, in place of one of the same name. `gpus` are per node.

        Raises RequirementError, BuildError or ClusterError, each with what to do.
        """
        settings = launch.prepare(name, nodes, gpus, eviction_seconds, tell)
        launch.start(settings, images, tell)
        return cls(settings)

    @classmethod
    def attach(cls, name: str) -> Self:
        """Raises ClusterError when no cluster of that name runs."""
        state = launch.state_folder(name)
        launch.first_process(state)
        return cls(Settings.load(state))

    def stop(self) -> None:
        launch.stop(self.settings.state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def kubeconfig(self) -> Path:
        """For programs out here; the API server is brought to 127.0.0.1."""
        return self.settings.outside_kubeconfig

    @property
    def inside_kubeconfig(self) -> Path:
        """For programs that run by `exec`."""
        return self.settings.kubeconfig("admin")

    @property
    def helm(self) -> str:
        """Helm's program. Raises ClusterError where neither the binaries' folder nor the machine has one."""
        built = self.settings.binaries / "helm"
        path = str(built) if built.exists() else shutil.which("helm")
        if path is None:
            raise ClusterError("there is no helm")
        return path

    def kubectl(self, *arguments: str, input: str | None = None, check: bool = True, timeout: float = 120.0) -> str:
        """Run kubectl out here; returns what it printed. Raises ClusterError with what it complained about."""
        argv = [self.settings.kubectl, f"--kubeconfig={self.kubeconfig}", *arguments]
        result = subprocess.run(argv, input=input, capture_output=True, text=True, timeout=timeout, check=False)
        if check and result.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get … -o json`, parsed."""
        answer: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return answer

    def apply(self, objects: Objects, namespace: str = "default") -> str:
        """Apply YAML text, one object, or several."""
        return self.kubectl("apply", "-n", namespace, "-f", "-", input=_manifest(objects))

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` in the cluster's network, as its root."""
        first = launch.first_process(self.settings.state)
        enter = ["nsenter", f"--target={first}", "--user", "--net", "--mount", "--pid", "--preserve-credentials"]
        return [*enter, "--", *argv]

    def inside_environment(self) -> dict[str, str]:
        path = f"{self.settings.binaries}:{Path(self.settings.kubectl).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
        return {**os.environ, "KUBECONFIG": str(self.inside_kubeconfig), "PATH": path}

    def exec(
        self, argv: Sequence[str], input: str | None = None, check: bool = True, timeout: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the cluster's network with KUBECONFIG set. Raises ClusterError when it fails."""
        result = subprocess.run(
            self.inside(argv),
            env=self.inside_environment(),
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and result.returncode != 0:
            raise ClusterError(f"{' '.join(argv)}: exit {result.returncode}: {result.stderr.strip()}")
        return result

    def forward(self, namespace: str, service: str, port: int) -> str:
        """Bring a Service's (or, as `pod/NAME`, a Pod's) TCP port to 127.0.0.1, until the cluster ends.

        Returns `http://127.0.0.1:PORT`. The address is looked up once: forward again when the Service was made anew.
        """
        return self.forward_address(self._address(namespace, service), port)

    def forward_address(self, host: str, port: int) -> str:
        if (host, port) not in self._forwards:
            with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
                self._ask({"do": "forward", "host": host, "port": port}, [listener])
                self._forwards[host, port] = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return self._forwards[host, port]

    @property
    def processes(self) -> dict[str, int]:
        """Name to process id, as seen out here: etcd, kube-apiserver, kubelet-node1, runtime-node1, dns, ..."""
        first = launch.first_process(self.settings.state)
        inside: dict[str, int] = self._ask({"do": "processes"})
        seen = {
            numbers[1]: numbers[0] for pid in processes.descendants(first) if len(numbers := processes.numbers(pid)) > 1
        }
        return {"first": first, **{name: seen[pid] for name, pid in inside.items() if pid in seen}}

    def container_pid(self, namespace: str, pod: str, container: str) -> int:
        """The process id, as seen out here, of a container's first process. Raises ClusterError when it does not run."""
        found = self.api.get(f"/api/v1/namespaces/{namespace}/pods/{pod}")
        status = found["status"]
        every = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        identity = next((each.get("containerID", "") for each in every if each["name"] == container), "")
        task = self.settings.state / found["spec"]["nodeName"] / "cri/containers" / identity.rpartition("/")[2]
        first = launch.first_process(self.settings.state)
        inside = json.loads((task / "status.json").read_text())["pid"] if identity else 0
        pid = processes.outside_number(first, inside)
        if pid is None:
            raise ClusterError(f"the container {container} of {namespace}/{pod} does not run")
        return pid

    def node_down(self, number: int) -> None:
        """Lose a machine: its kubelet, runtime and containers are killed, packets to and from its Pods vanish."""
        self._ask({"do": "node_down", "node": number})

    def node_up(self, number: int) -> None:
        """The lost machine boots again."""
        self._ask({"do": "node_up", "node": number})

    def break_gpus(self, number: int, broken: Iterable[int]) -> None:
        """Say which GPUs of a node are unhealthy from now on, by index; none heals all."""
        node = self.settings.all_nodes[number - 1]
        file = self.settings.node_folder(node) / "broken-gpus"
        file.write_text("".join(f"{index}\n" for index in broken))

    def set_images(self, more: Sequence[Image]) -> None:
        """Add rows to the image table of the running cluster, in place of those added before."""
        images.write_table(self.settings, more)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 120.0) -> Any:
        """Ask until the answer is true; returns it. Errors of the cluster count as no, and so does what is not there yet: a field of a
        status, the one Pod of a list, the rest of a line. Raises TimeoutError, with the last of them.

        What takes long to ask is asked less often: a program that is started for each question would have a core to itself."""
        deadline, last = time.monotonic() + seconds, ""
        while (asked := time.monotonic()) < deadline:
            try:
                if answer := condition():
                    return answer
            except (ClusterError, ApiError, OSError, HTTPException, LookupError, ValueError) as error:
                last = f": {error!r}" if isinstance(error, LookupError) else f": {error}"
            time.sleep(min(1.0, max(0.05, time.monotonic() - asked)))
        raise TimeoutError(f"not within {seconds:.0f} s: {what}{last}")

    def _address(self, namespace: str, target: str) -> str:
        kind, _, name = target.rpartition("/")
        item = self.get("-n", namespace, kind or "service", name)
        address: str = item["status"]["podIP"] if kind == "pod" else item["spec"]["clusterIP"]
        if address != "None":
            return address
        return self._headless(namespace, name)

    def _headless(self, namespace: str, service: str) -> str:
        slices = self.get("-n", namespace, "endpointslices", "-l", f"kubernetes.io/service-name={service}")
        for each in slices["items"]:
            for endpoint in each["endpoints"] or []:
                return str(endpoint["addresses"][0])
        raise ClusterError(f"the headless Service {namespace}/{service} has no endpoints")

    def _ask(self, request: dict[str, Any], sockets: Sequence[socket.socket] = ()) -> Any:
        return control.ask(self.settings.control_socket, request, sockets)


def _manifest(objects: Objects) -> str:
    if isinstance(objects, str):
        return objects
    items = [objects] if isinstance(objects, dict) else list(objects)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
