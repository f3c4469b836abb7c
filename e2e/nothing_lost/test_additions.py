"""Promise: what somebody adds to a selector or to an environment goes, because it changes what an object does."""

from __future__ import annotations

import time

import pytest

from e2e.harness import Place, model, policy

pytestmark = pytest.mark.cluster
SECONDS = 5.0
ADDED = "SOMEBODY_ELSE"


def test_additions_go_within_seconds(place: Place) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    revision = place.get("mdep/small")["status"]["activeRevision"]
    selector = f'{{"spec":{{"selector":{{"{ADDED}":"x"}}}}}}'
    for service in ("svc/small", "svc/front-router", f"svc/small-{revision}"):
        place.kubectl("patch", service, "-p", selector)
        _goes(place, service, "{.spec.selector}")
    for workload, container in ((f"deploy/small-{revision}", "engine"), ("deploy/front-router", "envoy")):
        place.kubectl("set", "env", workload, "-c", container, f"{ADDED}=x")
        _goes(place, workload, "{.spec.template.spec.containers[*].env[*].name}")
    place.ready("mdep/small", "rpol/front")


def _goes(place: Place, ref: str, path: str) -> None:
    begin = time.monotonic()
    place.wait(lambda: ADDED not in place.kubectl("get", ref, "-o", f"jsonpath={path}"), f"{ref} is as it was", 20)
    assert time.monotonic() - begin < SECONDS, ref
