"""What came yesterday, kept for an operator that begins anew: 576 numbers, in a ConfigMap of the model's.

known of them          the ConfigMap             then
--------------------   -----------------------   ----------------------------------------------
nothing                any                       it stays as it is
something              is not there              it is made
something              is under half an hour old it stays as it is
something              is older                  it is written

So it is written twice an hour at most, has under 8 KiB, and half an hour of it may be lost. It goes with the model.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from tidegate import names
from tidegate.plan.kube.objects import child, model_labels
from tidegate.plan.kube.reading import moment, part, text
from tidegate.plan.plan import Manifest
from tidegate.plan.scaling.state import kept_days
from tidegate.plan.world import ModelWorld

EVERY: Final = 1800.0
"""Seconds."""
DAYS: Final = "days.json"
WRITTEN: Final = "written"


def yesterday(world: ModelWorld, now: datetime) -> list[dict[str, Any]]:
    """The table: the ConfigMap as it is to be written, or nothing."""
    if world.scaled is None or world.scaled.state.days.last < 0:
        return []
    written = moment(_data(world), WRITTEN)
    if written and 0 <= (now - written).total_seconds() < EVERY:
        return []
    model = world.owner["metadata"]["name"]
    days = json.dumps(kept_days(world.scaled.state), separators=(",", ":"))
    body = {"data": {DAYS: days, WRITTEN: now.isoformat()}}
    return [child("ConfigMap", names.scaling_memory(model), world.owner, model_labels(model), body)]


def remembered(world: ModelWorld) -> Any:
    """What it says, as `scaling.state.restored` reads it; None where it says nothing that can be read."""
    try:
        return json.loads(text(_data(world), DAYS) or "null")
    except ValueError:
        return None


def _data(world: ModelWorld) -> Manifest:
    name = names.scaling_memory(world.owner["metadata"]["name"])
    maps = (c for c in world.children if c["kind"] == "ConfigMap" and c["metadata"]["name"] == name)
    return part(next(maps, {}), "data")
