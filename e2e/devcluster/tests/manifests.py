"""Pods as tests want them: one container of Python or a shell, and whatever else is given."""

from __future__ import annotations

from typing import Any

PYTHON = "tidegate.dev/test/python:1"
SHELL = "busybox:1"
# Ends at once on SIGTERM, which a `sleep` as a container's first process does not.
FOREVER = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
WEB = ["python3", "-m", "http.server", "8000"]


def container(command: list[str] = FOREVER, name: str = "main", image: str = SHELL, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "command": command, **fields}


def pod(name: str, *containers: dict[str, Any], labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"containers": list(containers) or [container()], "terminationGracePeriodSeconds": 2, **spec},
    }


def web(name: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A Pod that serves HTTP on port 8000 and is Ready only when it does."""
    probe = {"tcpSocket": {"port": 8000}, "periodSeconds": 1}
    return pod(name, container(WEB, image=PYTHON, readinessProbe=probe), labels=labels, **spec)


def service(name: str, port: int = 80, target: int = 8000, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": port, "targetPort": target}], **spec},
    }
