"""podTemplatePatch in a whole Pod template: what people want to leave out stays out, and the engine stays whole."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, model
from tidegate.api import ModelDeployment
from tidegate.plan.model.engine import pod_template


def template(**patch: Any) -> dict[str, Any]:
    """The template of a model with this patch of its Pod's spec."""
    engine = {"podTemplatePatch": {"spec": patch}} if patch else {}
    return pod_template(ModelDeployment.model_validate(model(engine=engine)), "r", DEFAULTS)


def test_a_volume_of_another_type() -> None:
    host = {"name": "scratch", "hostPath": {"path": "/mnt/jit"}}
    before, after = template()["spec"]["volumes"], template(volumes=[host])["spec"]["volumes"]
    assert host in after
    assert [v for v in after if v["name"] != "scratch"] == [v for v in before if v["name"] != "scratch"]


@pytest.mark.parametrize(
    "context",
    [
        {"$patch": "replace", "runAsNonRoot": True},
        {"$retainKeys": ["runAsNonRoot"]},
        {"$retainKeys": ["runAsNonRoot"], "runAsNonRoot": True},
    ],
)
def test_a_key_is_left_out_without_a_null(context: dict[str, Any]) -> None:
    assert template(securityContext=context)["spec"]["securityContext"] == {"runAsNonRoot": True}


def test_the_rest_of_the_engine_stays() -> None:
    before = template()["spec"]["containers"][0]
    patch = {"name": "engine", "env": [{"name": "A", "value": "b"}], "volumeMounts": [{"mountPath": "/x", "name": "x"}]}
    [after] = template(containers=[patch])["spec"]["containers"]
    assert after["env"] == [*before["env"], {"name": "A", "value": "b"}]
    assert after["volumeMounts"] == [*before["volumeMounts"], {"mountPath": "/x", "name": "x"}]
    assert {key: value for key, value in after.items() if key not in ("env", "volumeMounts")} == {
        key: value for key, value in before.items() if key not in ("env", "volumeMounts")
    }
