"""Promise: what belongs to us is repaired within a second, what belongs to others is left alone."""

from __future__ import annotations

import time
from functools import partial
from statistics import median

import pytest

from e2e.devcluster import Cluster
from e2e.harness import Place, model, policy

pytestmark = pytest.mark.cluster
CHILDREN = "deploy,svc,cm,sa,pdb,controllerrevision,role,rolebinding"
REPAIR_SECONDS = 5.0
"""A second, one for kubectl to end in, and what a busy machine adds; the middle of all children counts, because it may hold one up."""
PATIENCE = 30.0
"""Seconds; what no watch told is found by a sweep once a minute."""


@pytest.fixture
def served(place: Place) -> Place:
    """A model and a policy at rest."""
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    place.at_rest()
    return place


@pytest.mark.usefixtures("traffic")
def test_every_deleted_child_comes_back(served: Place) -> None:
    seconds = []
    for child in served.get(CHILDREN, "-l", "app.kubernetes.io/managed-by=tidegate")["items"]:
        kind, meta = child["kind"], child["metadata"]
        served.kubectl("delete", kind, meta["name"], "--wait=true")
        begin = time.monotonic()
        served.wait(partial(_is_new, served, f"{kind}/{meta['name']}", meta["uid"]), f"{kind} is back", PATIENCE)
        seconds.append(time.monotonic() - begin)
    assert median(seconds) < REPAIR_SECONDS, seconds
    served.ready("mdep/small", "rpol/front")


def _is_new(place: Place, ref: str, uid: str) -> bool:
    return bool(place.get(ref)["metadata"]["uid"] != uid)


def _says(place: Place, ref: str, path: str, wanted: str) -> bool:
    return place.kubectl("get", ref, "-o", f"jsonpath={path}").startswith(wanted)


EDITS = [
    (
        "svc/front-router",
        '{"spec":{"ports":[{"name":"http","port":81,"targetPort":"http"}]}}',
        "{.spec.ports[*].port}",
        "80",
    ),
    (
        "svc/front-router",
        '{"spec":{"ports":[{"name":"http","port":80,"targetPort":1}]}}',
        "{.spec.ports[0].targetPort}",
        "http",
    ),
    ("cm/front-router", '{"data":{"router.json":"{}"}}', "{.data.router\\.json}", '{"minReader":1'),
    ("deploy/front-router", '{"spec":{"replicas":0}}', "{.spec.replicas}", "1"),
    ("pdb/front-router", '{"spec":{"maxUnavailable":5}}', "{.spec.maxUnavailable}", "1"),
    ("role/front-router", '{"rules":[]}', "{.rules[0].resources[0]}", "configmaps"),
    (
        "svc/small",
        '{"metadata":{"labels":{"tidegate.dev/model":null}}}',
        "{.metadata.labels.tidegate\\.dev/model}",
        "small",
    ),
    (
        "svc/small",
        '{"metadata":{"labels":{"app.kubernetes.io/managed-by":"me"}}}',
        "{.metadata.labels.app\\.kubernetes\\.io/managed-by}",
        "tidegate",
    ),
]


def test_edits_of_our_fields_are_undone_and_others_stay(served: Place) -> None:
    served.kubectl("annotate", "svc/small", "example.com/mine=1")
    for child, patch, path, wanted in EDITS:
        served.kubectl("patch", child, "--type=merge", "-p", patch)
        served.wait(partial(_says, served, child, path, wanted), f"{child} {patch}", PATIENCE)
    assert served.get("svc/small")["metadata"]["annotations"]["example.com/mine"] == "1"


def test_a_strangers_object_is_left_alone(place: Place) -> None:
    stranger = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "small"},
        "spec": {"ports": [{"port": 1234}]},
    }
    place.apply(stranger)
    place.apply(model())
    place.wait(lambda: place.condition("mdep/small", "Stalled").get("status") == "True", "it is told")
    told = place.condition("mdep/small", "Stalled")
    assert told["reason"] == "NameTaken"
    assert "Service 'small' exists" in told["message"]
    assert place.get("svc/small")["spec"]["ports"][0]["port"] == 1234
    assert "ownerReferences" not in place.get("svc/small")["metadata"]


def test_we_write_nothing_into_users_objects_but_status(served: Place) -> None:
    for ref in ("mdep/small", "rpol/front"):
        meta = served.get(ref)["metadata"]
        assert "finalizers" not in meta
        assert set(meta.get("annotations", {})) <= {"kubectl.kubernetes.io/last-applied-configuration"}


def test_deleted_and_created_again_at_once(served: Place) -> None:
    old = served.get("mdep/small")["metadata"]["uid"]
    served.kubectl("delete", "mdep/small", "--wait=false")
    served.apply(model())
    served.wait(lambda: served.get("mdep/small")["metadata"]["uid"] != old, "it is a new one")
    served.ready("mdep/small", "rpol/front")
    owners = {
        ref["uid"]
        for child in served.items("deploy", "tidegate.dev/model=small")
        for ref in child["metadata"]["ownerReferences"]
    }
    assert owners == {served.get("mdep/small")["metadata"]["uid"]}


def test_pod_monitor_comes_when_its_kind_comes(served: Place, installed: Cluster) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": "PodMonitor", "plural": "podmonitors", "singular": "podmonitor"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "podmonitors.monitoring.coreos.com"},
        "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    installed.apply(crd)
    try:
        served.wait(lambda: served.get("podmonitors/small-engine"), "the PodMonitor is there")
    finally:
        installed.kubectl("delete", "crd", "podmonitors.monitoring.coreos.com")
    found = served.versions()
    assert "ModelDeployment/small" in found
