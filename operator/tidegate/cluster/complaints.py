"""Asking for the Events of an object that does not start: what it waits for stands nowhere else.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

from tidegate.cluster.client import Api, path
from tidegate.plan.kube.reading import maps, text
from tidegate.plan.plan import Manifest, ObjectKey
from tidegate.plan.samples import Complaint


async def ask(api: Api, about: ObjectKey) -> Complaint:
    """The newest warning about this object; an empty one when there is none."""
    selector = f"involvedObject.kind={about.kind},involvedObject.name={about.name},type=Warning"
    found = await api.request("GET", path("v1", "Event", about.namespace), {"fieldSelector": selector})
    warnings = sorted(maps(found, "items"), key=_moment)
    if not warnings:
        return Complaint()
    return Complaint(text(warnings[-1], "reason"), text(warnings[-1], "message").strip())


def _moment(event: Manifest) -> str:
    """When it was last seen; RFC 3339 in UTC, which sorts as text."""
    return text(event, "lastTimestamp") or text(event, "eventTime")
