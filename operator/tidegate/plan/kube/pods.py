"""What Pods say about themselves, as one sentence: the worst first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.plan.plan import Manifest

WORST_FIRST = ("waiting", "unschedulable", "terminated", "pending")


def ready(pod: Manifest) -> bool:
    """Whether the Pod answers and is not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def unschedulable(pods: Iterable[Manifest]) -> str:
    """The scheduler's message about the first Pod that has no place; empty when all have one."""
    for pod in pods:
        for condition in pod.get("status", {}).get("conditions", []):
            if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
                return str(condition.get("message", "no node fits"))
    return ""


def trouble(pods: Iterable[Manifest]) -> tuple[str, str] | None:
    """The reason and the sentence of the worst Pod; None when none of them says anything is wrong."""
    found = [(pod, said) for pod in pods if not ready(pod) and (said := _said(pod))]
    if not found:
        return None
    pod, (_, reason, message) = min(found, key=lambda pair: WORST_FIRST.index(pair[1][0]))
    return reason, f"Pod {pod['metadata']['name']}: {message}"


def _said(pod: Manifest) -> tuple[str, str, str] | None:
    """(class of trouble, reason, message) of one Pod."""
    status = pod.get("status", {})
    if message := unschedulable([pod]):
        return "unschedulable", "Unschedulable", f"Unschedulable: {message}"
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        if said := _container(container):
            return said
    if status.get("reason") and status.get("phase") == "Failed":
        return "terminated", status["reason"], f"{status['reason']}: {status.get('message', '')}".rstrip(": ")
    return None


def _container(container: dict[str, Any]) -> tuple[str, str, str] | None:
    name = container["name"]
    state, last = container.get("state", {}), container.get("lastState", {})
    waiting = state.get("waiting")
    if waiting and waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        reason = waiting["reason"]
        ended = _ended(last.get("terminated"))
        message = ended or waiting.get("message", "")
        return "waiting", reason, f"container {name} {reason}: {message}".rstrip(": ")
    terminated = state.get("terminated") or (last.get("terminated") if not container.get("ready") else None)
    if terminated and terminated.get("exitCode"):
        return "terminated", terminated.get("reason", "Error"), f"container {name}: {_ended(terminated)}"
    return None


def _ended(terminated: dict[str, Any] | None) -> str:
    """How a container ended: `OOMKilled (exit code 137)`, with its last words if it left some."""
    if not terminated:
        return ""
    text = f"{terminated.get('reason', 'Error')} (exit code {terminated.get('exitCode')})"
    words = terminated.get("message", "").strip()
    return f"{text}: {words}" if words else text
