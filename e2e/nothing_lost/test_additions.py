"""Promise: what somebody adds to a selector or to an environment goes, because it changes what an object does."""

from __future__ import annotations

import json

import pytest

from e2e.harness import Place, model, policy

pytestmark = pytest.mark.cluster
SECONDS = 20.0
"""However busy the machine: what no watch told is found by a sweep once a minute."""
ADDED = "SOMEBODY_ELSE"


def test_additions_go_within_seconds(place: Place) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    revision = place.get("mdep/small")["status"]["activeRevision"]
    selector = f'{{"spec":{{"selector":{{"{ADDED}":"x"}}}}}}'
    for service in ("svc/small", "svc/front-router", f"svc/small-{revision}"):
        place.kubectl("patch", service, "-p", selector)
        _goes(place, service)
    for workload, container in ((f"deploy/small-{revision}", "engine"), ("deploy/front-router", "envoy")):
        place.kubectl("set", "env", workload, "-c", container, f"{ADDED}=x")
        _goes(place, workload)
    place.ready("mdep/small", "rpol/front")


def _goes(place: Place, ref: str) -> None:
    place.wait(lambda: ADDED not in json.dumps(place.get(ref)["spec"]), f"{ref} is as it was", SECONDS)
