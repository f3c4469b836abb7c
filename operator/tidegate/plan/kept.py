"""Rendered templates that are kept: a ControllerRevision for each revision of a model's engines or of a policy's routers.

What was rendered once is applied as kept for as long as the revision lives, so that a newer operator restarts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate import names
from tidegate.plan.kube.objects import child
from tidegate.plan.plan import Manifest

KIND = "ControllerRevision"


def records(children: Iterable[Manifest]) -> dict[str, Manifest]:
    """The ControllerRevisions among these objects, by the revision that they keep: the last word of their name, whatever has
    become of their labels."""
    return {c["metadata"]["name"].rpartition("-")[2]: c for c in children if c["kind"] == KIND}


def record(
    owner: Manifest, name: str, labels: dict[str, str], data: Manifest, known: dict[str, Manifest], version: str
) -> dict[str, Any]:
    """The ControllerRevision of the revision that `labels` name: as it is kept already, or with the next number and the
    version of today's operator. Kubernetes refuses every later change of its data."""
    there = known.get(labels[names.REVISION_LABEL])
    number = int(there["revision"]) if there else _next_number(known)
    made = child(KIND, name, owner, labels, {"data": data, "revision": number})
    made["metadata"]["annotations"] = {names.OPERATOR_VERSION_ANNOTATION: _rendered_by(there) or version}
    return made


def _next_number(known: dict[str, Manifest]) -> int:
    return 1 + max((int(there["revision"]) for there in known.values()), default=0)


def _rendered_by(there: Manifest | None) -> str:
    annotations = there["metadata"].get("annotations", {}) if there else {}
    return str(annotations.get(names.OPERATOR_VERSION_ANNOTATION, ""))
