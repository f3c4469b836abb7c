"""What Deployments, StatefulSets and LeaderWorkerSets say about Pods that they cannot make."""

from __future__ import annotations

from tidegate.plan.kube.reading import integer, maps, text
from tidegate.plan.plan import Manifest, ObjectKey, Question
from tidegate.plan.samples import Complaint, Samples


def gave_up(workload: Manifest) -> bool:
    """Whether Kubernetes' own deadline has passed. A LeaderWorkerSet and a StatefulSet have none."""
    found = maps(workload.get("status"), "conditions")
    return any(text(c, "type") == "Progressing" and text(c, "reason") == "ProgressDeadlineExceeded" for c in found)


def replacing(deployment: Manifest) -> bool:
    """Whether Pods of an earlier template are there, or may be: its controller has not said what it made of the newest one."""
    meta, status = deployment.get("metadata") or {}, deployment.get("status") or {}
    if "replicas" not in status:
        return False
    unseen = integer(status, "observedGeneration") < integer(meta, "generation")
    return unseen or integer(status, "updatedReplicas") < integer(status, "replicas")


def refused(workload: Manifest, samples: Samples) -> tuple[str, str] | None:
    """Why there are no Pods: a quota, a missing ServiceAccount, Pod security. A Deployment says so in a condition, the others
    in Events alone."""
    for condition in maps(workload.get("status"), "conditions"):
        if text(condition, "type") == "ReplicaFailure" and text(condition, "status") == "True":
            return text(condition, "reason") or "ReplicaFailure", text(condition, "message")
    sample = samples.get(about_pods_of(workload))
    if sample and isinstance(sample.value, Complaint) and sample.value.message:
        return sample.value.reason, sample.value.message
    return None


def about_pods_of(workload: Manifest) -> Question:
    """Asks for the Events of what makes a workload's Pods: a LeaderWorkerSet has a StatefulSet of its own name do it."""
    key = ObjectKey.of(workload)
    return Question(ObjectKey("apps/v1", "StatefulSet", key.namespace, key.name))
