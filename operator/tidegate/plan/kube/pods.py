"""What Pods say about themselves, as one sentence: the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from tidegate.plan.kube.reading import maps, moment, text
from tidegate.plan.plan import Manifest, ObjectKey, Question
from tidegate.plan.samples import Complaint, Samples

WORST_FIRST = ("waiting", "unschedulable", "terminated", "creating", "pending")
CREATING: Final = ("ContainerCreating", "PodInitializing")
"""Reasons of waiting that say nothing: what a container waits for stands in the Pod's Events."""


EVENTS_EVERY: Final = 10.0
"""Seconds between two looks at the Events of what does not start."""
USUAL: Final = 10.0
"""Seconds for which a Pod may be created without anybody asking why."""
CRASHES: Final = 2
"""Restarts after which a container that ends is one that crashes again and again."""


def ready(pod: Manifest) -> bool:
    """Whether the Pod answers and is not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def ready_since(pod: Manifest) -> datetime | None:
    """Since when it answers; None of one that does not, or does not say."""
    conditions = maps(pod.get("status"), "conditions") if ready(pod) else []
    return next((moment(c, "lastTransitionTime") for c in conditions if text(c, "type") == "Ready"), None)


def unschedulable(pods: Iterable[Manifest]) -> str:
    """The scheduler's message about the first Pod that has no place; empty when all have one."""
    for pod in pods:
        for condition in pod.get("status", {}).get("conditions", []):
            if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
                return str(condition.get("message", "no node fits"))
    return ""


def trouble(pods: Iterable[Manifest], said: Mapping[str, Complaint] | None = None) -> tuple[str, str] | None:
    """The reason and the sentence of the worst Pod; None when nothing is wrong with any. `said` are Events, by Pod."""
    heard = said or {}
    found = [(pod, words) for pod in pods if not ready(pod) and (words := _said(pod, heard))]
    if not found:
        return None
    pod, (_, reason, message) = min(found, key=lambda pair: WORST_FIRST.index(pair[1][0]))
    return reason, f"Pod {pod['metadata']['name']}: {message}"


def creating(pod: Manifest) -> bool:
    """Whether the Pod has a node, and waits there for something that only Events tell: a volume, a Secret, a network."""
    status = pod.get("status", {})
    placed = any(c["type"] == "PodScheduled" and c["status"] == "True" for c in status.get("conditions", []))
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    waiting = [c for c in containers if c.get("state", {}).get("waiting", {}).get("reason") in CREATING]
    running = [c for c in containers if c.get("state", {}).keys() & {"running", "terminated"}]
    return placed and not running and len(waiting) == len(containers)


def about(pods: Iterable[Manifest]) -> list[Question]:
    """Asks for the Events of Pods that are being created."""
    waiting = (pod for pod in pods if creating(pod))
    return [Question(ObjectKey.of(pod), pod["metadata"].get("uid", ""), patience=USUAL) for pod in waiting]


def complaints(pods: Iterable[Manifest], samples: Samples) -> dict[str, Complaint]:
    """What Events said of Pods, by their names."""
    heard = {q.about.name: samples[q].value for q in about(pods) if q in samples}
    return {name: value for name, value in heard.items() if isinstance(value, Complaint) and value.message}


def _said(pod: Manifest, heard: Mapping[str, Complaint]) -> tuple[str, str, str] | None:
    """(class of trouble, reason, message) of one Pod."""
    status = pod.get("status", {})
    if message := unschedulable([pod]):
        return "unschedulable", "Unschedulable", f"Unschedulable: {message}"
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        if said := _container(container):
            return said
    if complaint := heard.get(pod["metadata"]["name"]):
        return "creating", complaint.reason, f"{complaint.reason}: {complaint.message}"
    if status.get("reason") and status.get("phase") == "Failed":
        return "terminated", status["reason"], f"{status['reason']}: {status.get('message', '')}".rstrip(": ")
    return None


def _container(container: dict[str, Any]) -> tuple[str, str, str] | None:
    name = container["name"]
    state, last = container.get("state", {}), container.get("lastState", {})
    waiting = state.get("waiting")
    if waiting and waiting.get("reason") not in (None, *CREATING):
        reason = waiting["reason"]
        ended = _ended(last.get("terminated"))
        message = ended or waiting.get("message", "")
        return "waiting", reason, f"container {name} {reason}: {message}".rstrip(": ")
    terminated = state.get("terminated") or (last.get("terminated") if not container.get("ready") else None)
    if terminated and terminated.get("exitCode"):
        again = (
            container.get("restartCount", 0) >= CRASHES
        )  # it waits, runs and ends by turns: one reason for all three
        reason = "CrashLoopBackOff" if again else terminated.get("reason", "Error")
        return "terminated", reason, f"container {name}: {_ended(terminated)}"
    return None


def _ended(terminated: dict[str, Any] | None) -> str:
    """How a container ended: `OOMKilled (exit code 137)`, with the last line that it wrote."""
    if not terminated:
        return ""
    text = f"{terminated.get('reason', 'Error')} (exit code {terminated.get('exitCode')})"
    lines = [line.strip() for line in terminated.get("message", "").splitlines() if line.strip()]
    return f"{text}: {lines[-1]}" if lines else text
