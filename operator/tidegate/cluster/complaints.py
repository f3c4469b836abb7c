"""Asking for the Events of an object that does not start: what it waits for stands nowhere else.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

from typing import Final

from tidegate.cluster.client import Api, path
from tidegate.plan.kube.reading import maps, text
from tidegate.plan.plan import Manifest, Question
from tidegate.plan.samples import Complaint

BEFORE_A_NODE: Final = ("FailedScheduling",)
"""Reasons that are over once a Pod has its node."""


async def ask(api: Api, question: Question) -> Complaint:
    """The newest warning about this very object; an empty one when there is none."""
    about = question.about
    chosen = {"involvedObject.kind": about.kind, "involvedObject.name": about.name, "type": "Warning"}
    if question.version:
        chosen["involvedObject.uid"] = question.version
    selector = ",".join(f"{field}={value}" for field, value in chosen.items())
    found = await api.request("GET", path("v1", "Event", about.namespace), {"fieldSelector": selector})
    told = [event for event in maps(found, "items") if text(event, "reason") not in BEFORE_A_NODE]
    warnings = sorted(told, key=_moment)
    if not warnings:
        return Complaint()
    return Complaint(text(warnings[-1], "reason"), text(warnings[-1], "message").strip())


def _moment(event: Manifest) -> str:
    """When it was last seen; RFC 3339 in UTC, which sorts as text."""
    return text(event, "lastTimestamp") or text(event, "eventTime")
