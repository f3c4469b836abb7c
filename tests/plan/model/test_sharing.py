"""Whether the tier whose blocks a model shares is there: the table of plan/model/sharing.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, managed_tier, model
from tidegate.api import ModelDeployment
from tidegate.plan.model.sharing import condition
from tidegate.plan.world import ModelWorld

SHARED = {"hostMemory": "16Gi", "shared": {"cacheTierRef": {"name": "shared"}, "weightsVersion": "1"}}
WITHOUT = managed_tier()
WITH = WITHOUT | {"spec": WITHOUT["spec"] | {"kv": {"size": "500Gi"}}}


@pytest.mark.parametrize(
    ("offload", "tier", "status", "reason", "words"),
    [
        (None, WITH, None, "", ""),
        ({"hostMemory": "16Gi"}, None, None, "", ""),
        (SHARED, None, "False", "CacheTierNotFound", "there is no CacheTier shared; create it with spec.kv"),
        (SHARED, WITHOUT, "False", "CacheTierWithoutKV", "write kv: {size: 500Gi} there"),
        (SHARED, WITH, "True", "AsSpecified", ""),
    ],
)
def test_the_tier_is_there(offload: Any, tier: Any, status: str | None, reason: str, words: str) -> None:
    owner = model(engine={"kvOffload": offload} if offload else {})
    found = condition(ModelWorld(owner, DEFAULTS, tier=tier), ModelDeployment.model_validate(owner))
    if status is None:
        assert found == []
        return
    [said] = found
    assert (said["type"], said["status"], said["reason"]) == ("KVShared", status, reason)
    assert words in said["message"]
