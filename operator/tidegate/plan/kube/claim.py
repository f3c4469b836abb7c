"""The claim for weights as far as Kubernetes lets it change: it grows, and nothing else.

field                          a claim that is there
----------------------------   ---------------------------------------------------------------
size                           the larger of what is wanted and what was asked for before
accessModes, storageClass...   as they are: they cannot be changed

https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
"""

from __future__ import annotations

from typing import Any

from tidegate.api.values import amount
from tidegate.plan.kube.reading import text
from tidegate.plan.plan import Manifest


def fitted(wanted: dict[str, Any], live: Manifest | None) -> dict[str, Any]:
    """The claim to apply over the one that is there: the table above."""
    spec = (live or {}).get("spec")
    if not spec or live is None or live["metadata"]["name"] != wanted["metadata"]["name"]:
        return wanted
    asked = text(spec.get("resources", {}).get("requests"), "storage") or "0"
    size = max(wanted["spec"]["resources"]["requests"]["storage"], asked, key=amount)
    unchangeable = {
        key: spec[key] for key in ("accessModes", "storageClassName") if key in wanted["spec"] and key in spec
    }
    return {**wanted, "spec": {**wanted["spec"], **unchangeable, "resources": {"requests": {"storage": size}}}}
