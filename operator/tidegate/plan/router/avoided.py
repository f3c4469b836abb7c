"""Engines that a policy's routers are to send nothing: those that hang, by their models' statuses."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.plan.kube.reading import maps, text
from tidegate.plan.plan import Manifest


def avoided(models: Iterable[Manifest]) -> list[str]:
    """Their addresses, sorted."""
    hung = (one for model in models for one in maps(model.get("status"), "hungEngines"))
    return sorted({text(one, "address") for one in hung if one.get("out") is True} - {""})
