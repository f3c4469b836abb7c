"""Promise: `kubectl apply -f manifests/install/tidegate.yaml` is the chart with its defaults, and what a platform asks for can be set."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from e2e.devcluster.build import kubernetes
from e2e.install import render_chart
from scripts.install_manifest import TARGET, text
from tests.support.openapi import problems
from tidegate.settings import from_environment

pytestmark = pytest.mark.cluster


def test_the_manifest_is_what_the_chart_renders() -> None:
    assert TARGET.read_text() == text(), "run make crds"


def deployment(*values: str) -> Any:
    """The operator's own Deployment."""
    rendered = render_chart(str(kubernetes(print) / "helm"), *values)
    return next(m for m in yaml.safe_load_all(rendered) if m and m["kind"] == "Deployment")


def told(*values: str) -> dict[str, str]:
    """The operator's environment."""
    [container] = deployment(*values)["spec"]["template"]["spec"]["containers"]
    return {var["name"]: var["value"] for var in container["env"] if "value" in var}


def test_the_operator_runs_as_whom_the_platform_says() -> None:
    user = {"runAsUser", "runAsGroup", "fsGroup"}
    for values, named in [((), True), (("podSecurity.assignUser=false",), False)]:
        pod = deployment(*values)["spec"]["template"]["spec"]
        assert bool(pod["securityContext"].keys() & user) is named
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert from_environment(told(*values)).defaults.assign_user is named


def test_the_bind_address_reaches_the_operator() -> None:
    assert from_environment(told()).defaults.bind_address == "::"
    assert from_environment(told("bindAddress=0.0.0.0")).defaults.bind_address == "0.0.0.0"


def test_the_operators_last_words_are_kept() -> None:
    made = deployment()
    assert problems(made) == []
    assert {c["terminationMessagePolicy"] for c in made["spec"]["template"]["spec"]["containers"]} == {
        "FallbackToLogsOnError"
    }


def test_a_value_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Exception, match=re.escape("non-zero exit status")):
        deployment("podSecurity.assignGroup=false")
