"""Promise: nothing runs with more rights than it needs."""

from __future__ import annotations

import json

import pytest

from e2e.devcluster import Cluster
from e2e.harness import Place, model, policy
from e2e.install import NAMESPACE

pytestmark = pytest.mark.cluster
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def test_everything_passes_the_restricted_standard(installed: Cluster) -> None:
    place = Place.make(installed, **RESTRICTED)
    tier = {"apiVersion": "tidegate.dev/v1alpha1", "kind": "CacheTier", "metadata": {"name": "shared"}}
    place.apply(model(), policy(), {**tier, "spec": {"store": {"managed": {"memory": "64Mi"}}}})
    place.ready("mdep/small", "rpol/front", "ctier/shared")
    for pod in place.items("pods"):
        spec = pod["spec"]
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert container["securityContext"]["readOnlyRootFilesystem"], container["name"]
    installed.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted", "--overwrite")
    installed.kubectl("-n", NAMESPACE, "delete", "pods", "--all")
    installed.kubectl("-n", NAMESPACE, "rollout", "status", "deploy/tidegate", "--timeout=110s")
    installed.kubectl("delete", "namespace", place.name, "--wait=false")


def _may(cluster: Cluster, account: str, *what: str) -> bool:
    said = cluster.kubectl("auth", "can-i", f"--as=system:serviceaccount:{account}", *what, check=False)
    return said.strip() == "yes"


def test_a_router_reads_its_config_map_and_endpoints_only(place: Place) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    account, here = f"{place.name}:front-router", ("-n", place.name)
    assert _may(place.cluster, account, "watch", "endpointslices.discovery.k8s.io", *here)
    assert _may(place.cluster, account, "watch", "configmaps/front-router", *here)
    for verb, thing in (
        ("list", "configmaps"), ("get", "secrets"), ("list", "secrets"), ("get", "pods"), ("create", "pods"),
        ("update", "configmaps/front-router"), ("get", "modeldeployments.tidegate.dev"),
    ):  # fmt: skip
        assert not _may(place.cluster, account, verb, thing, *here), (verb, thing)
    assert not _may(place.cluster, account, "watch", "endpointslices.discovery.k8s.io", "-n", "default")
    assert not _may(place.cluster, f"{place.name}:small-engine", "get", "pods", *here)


def test_engines_and_envoy_hold_no_token(place: Place) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    for selector, container in (("tidegate.dev/role=engine", "engine"), ("tidegate.dev/role=router", "envoy")):
        pod = place.items("pods", selector)[0]["metadata"]["name"]
        listing = place.kubectl("exec", pod, "-c", container, "--", "sh", "-c", "ls /var/run/secrets 2>&1; true")
        assert "kubernetes.io" not in listing, container


def test_aggregated_roles(installed: Cluster) -> None:
    for role, verb, allowed in (
        ("view", "list", True),
        ("view", "create", False),
        ("edit", "create", True),
        ("admin", "delete", True),
    ):
        rules = installed.get("clusterrole", role)["rules"]
        ours = [
            rule for rule in rules if "tidegate.dev" in rule["apiGroups"] and "modeldeployments" in rule["resources"]
        ]
        assert any(verb in rule["verbs"] for rule in ours) is allowed, json.dumps(ours)
