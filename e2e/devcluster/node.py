"""A node: its own view of the file system, and the command lines of its container runtime and kubelet."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from . import mounts, ownership
from .settings import DNS_SERVICE_IP, REPOSITORY, Node, Settings, cache_folder

CPUS, MEMORY_KIB = 64, 512 << 20


def machine(settings: Settings, node: Node) -> list[str]:
    """The process whose mount namespace is the node's: it mounts, says so in `machine_ready`, and sleeps."""
    return _this_module("machine", settings, node)


def _this_module(role: str, settings: Settings, node: Node) -> list[str]:
    return [sys.executable, "-m", "e2e.devcluster.node", role, str(settings.state), str(node.number)]


def machine_ready(settings: Settings, node: Node) -> Path:
    return settings.node_folder(node) / "machine-ready"


def inside(machine_pid: int, argv: list[str]) -> list[str]:
    return ["nsenter", f"--target={machine_pid}", "--mount", *argv]


def parts(settings: Settings, node: Node) -> dict[str, list[str]]:
    """What runs on a node, by name."""
    return {
        "runtime": runtime(settings, node),
        "kubelet": kubelet(settings, node),
        "gpus": device_plugin(settings, node),
    }


def runtime(settings: Settings, node: Node) -> list[str]:
    folder = settings.node_folder(node)
    return [
        str(settings.commands / "runtime"),
        f"-socket={folder}/cri.sock",
        f"-folder={folder}/cri",
        f"-images={settings.image_table}",
        f"-bwrap={settings.bwrap}",
        f"-pods={node.pod_prefix}",
        f"-streams=127.0.0.1:{10350 + node.number}",
    ]


def device_plugin(settings: Settings, node: Node) -> list[str]:
    return [
        str(settings.commands / "deviceplugin"),
        f"-count={settings.gpus}",
        f"-prefix=GPU-{node.name}-",
        f"-broken={settings.node_folder(node)}/broken-gpus",
    ]


def kubelet(settings: Settings, node: Node) -> list[str]:
    """Started by this module, which shows it (and nobody else) another machine."""
    folder, pki = settings.node_folder(node), settings.pki
    return [
        *_this_module("kubelet", settings, node),
        str(settings.binaries / "kubelet"),
        f"--config={folder}/kubelet.json",
        f"--kubeconfig={settings.kubeconfig(node.name)}",
        f"--root-dir={folder}/kubelet",
        f"--cert-dir={folder}/certs",
        f"--hostname-override={node.name}",
        f"--node-ip={node.ip}",
        f"--tls-cert-file={pki}/{node.name}.crt",
        f"--tls-private-key-file={pki}/{node.name}.key",
        "--v=1",
    ]


def write_files(settings: Settings, node: Node) -> None:
    """Everything that kubelet reads; may be called again for a node that comes back."""
    folder = settings.node_folder(node)
    for name in ("kubelet", "certs", "logs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "resolv.conf").touch()
    (folder / "kubelet.json").write_text(json.dumps(kubelet_configuration(settings, node)))
    _write_hardware(folder / "hardware")


def kubelet_configuration(settings: Settings, node: Node) -> dict[str, Any]:
    folder = settings.node_folder(node)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{folder}/cri.sock",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(settings.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "address": node.ip,
        "healthzPort": 0,
        "resolvConf": str(folder / "resolv.conf"),
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_SERVICE_IP],
        # There are no cgroups of ours: requests are scheduled by, limits are not enforced.
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "100Mi", "imagefs.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "maxPods": 200,
        "registryPullQPS": 0,
        "serializeImagePulls": False,
        "volumePluginDir": str(folder / "volume-plugins"),
        "podLogsDir": str(folder / "logs"),
        # Changes of GPUs are told within a second, unchanged status as rarely as usual.
        "nodeStatusUpdateFrequency": "1s",
        "nodeStatusReportFrequency": "5m",
        "nodeLeaseDurationSeconds": 12,
    }


def _write_hardware(folder: Path) -> None:
    """What kubelet's cAdvisor reads of the machine: a bigger one, so that Pods of real models can be scheduled."""
    lines = Path("/proc/meminfo").read_text().splitlines(keepends=True)
    sizes = ("MemTotal:", "MemFree:", "MemAvailable:")
    memory = "".join(f"{line.split()[0]} {MEMORY_KIB} kB\n" if line.startswith(sizes) else line for line in lines)
    files = {"meminfo": memory, "node/node0/meminfo": "".join(f"Node 0 {line}\n" for line in memory.splitlines())}
    for cpu in range(CPUS):
        files[f"cpu/cpu{cpu}/topology/core_id"] = files[f"node/node0/cpu{cpu}/topology/core_id"] = f"{cpu}\n"
        files[f"cpu/cpu{cpu}/topology/physical_package_id"] = "0\n"
        files[f"node/node0/cpu{cpu}/topology/physical_package_id"] = "0\n"
    files |= {f"cpu/{kind}": f"0-{CPUS - 1}\n" for kind in ("online", "present", "possible")}
    files |= {f"node/{kind}": "0\n" for kind in ("online", "possible")}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def needed_paths(settings: Settings) -> list[Path]:
    """What must stay visible where kubelet wants folders of its own."""
    here = [REPOSITORY, Path(sys.prefix), Path(sys.base_prefix), cache_folder()]
    return [settings.state, *here, settings.binaries, settings.commands, Path(settings.bwrap).parent]


def become_machine(settings: Settings, node: Node) -> NoReturn:
    """Make the node's mount namespace, with the folders that kubelet insists on, and keep it."""
    mounts.new_namespace()
    keep = [path for path in needed_paths(settings) if path.exists()]
    for folder in ("/run", "/var/lib", "/var/log"):
        mounts.replace(Path(folder), keep)
    for folder in ("/run/netns", "/var/lib/kubelet/device-plugins", "/var/log/containers"):
        Path(folder).mkdir(parents=True)
    mounts.share(settings.node_folder(node) / "kubelet")
    machine_ready(settings, node).touch()
    os.execlp("sleep", "sleep", "infinity")  # keeps the namespace, in a tenth of Python's memory


def become_kubelet(settings: Settings, node: Node, argv: list[str]) -> NoReturn:
    """Show kubelet more CPUs and memory, in a mount namespace of its own; its volumes appear in the node's too."""
    mounts.new_namespace(private=False)
    for folder in ("/proc", "/sys"):
        mounts.make_private(Path(folder))
    hardware = settings.node_folder(node) / "hardware"
    mounts.bind(hardware / "meminfo", Path("/proc/meminfo"))
    mounts.bind(hardware / "cpu", Path("/sys/devices/system/cpu"))
    mounts.bind(hardware / "node", Path("/sys/devices/system/node"))
    ownership.keep()
    os.execv(argv[0], argv)


def main(role: str, state: str, number: str, *argv: str) -> NoReturn:
    settings, node = Settings.load(Path(state)), Node(int(number))
    if role == "machine":
        become_machine(settings, node)
    become_kubelet(settings, node, list(argv))


if __name__ == "__main__":
    main(*sys.argv[1:])
