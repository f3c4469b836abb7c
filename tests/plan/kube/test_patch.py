"""The strategic merge does what `kubectl patch --type=strategic` does."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.api.directives import misread
from tidegate.plan.kube.patch import merged

BASE: dict[str, Any] = {
    "metadata": {"labels": {"a": "1", "b": "2"}},
    "spec": {
        "nodeSelector": {"gpu": "l4", "zone": "a"},
        "securityContext": {"runAsUser": 1, "fsGroup": 2, "supplementalGroups": [3]},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "registry"}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
        "containers": [
            {
                "name": "engine",
                "image": "vllm",
                "args": ["--a", "--b"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "ports": [{"containerPort": 8000, "protocol": "TCP"}, {"containerPort": 8000, "protocol": "UDP"}],
                "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}},
                "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "shm", "mountPath": "/dev/shm"}],
            },
            {"name": "log", "image": "busybox"},
        ],
        "volumes": [{"name": "scratch", "emptyDir": {}}, {"name": "shm", "emptyDir": {"medium": "Memory"}}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
    },
}
PATCHES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a scalar": {"spec": {"priorityClassName": "high"}},
    "maps merge": {"metadata": {"labels": {"b": "3", "c": "4"}}, "spec": {"nodeSelector": {"zone": "b"}}},
    "null removes": {"spec": {"nodeSelector": {"zone": None}, "tolerations": None}},
    "null of what is not there": {"spec": {"affinity": None}},
    "a whole map is removed": {"spec": {"nodeSelector": None}},
    "atomic lists are replaced": {"spec": {"tolerations": [{"key": "x", "operator": "Exists"}]}},
    "containers merge by name": {"spec": {"containers": [{"name": "engine", "image": "vllm:2", "args": ["--c"]}]}},
    "env merges by name": {"spec": {"containers": [{"name": "engine", "env": [{"name": "B", "value": "3"}]}]}},
    "limits merge": {"spec": {"containers": [{"name": "engine", "resources": {"limits": {"memory": "1Gi"}}}]}},
    "mounts merge by path": {
        "spec": {"containers": [{"name": "engine", "volumeMounts": [{"mountPath": "/tmp", "name": "other"}]}]}
    },
    "volumes merge by name": {"spec": {"volumes": [{"name": "shm", "emptyDir": {"sizeLimit": "1Gi"}}]}},
    "a volume of another kind": {"spec": {"volumes": [{"name": "shm", "emptyDir": None, "hostPath": {"path": "/x"}}]}},
    "an item is deleted": {"spec": {"containers": [{"name": "log", "$patch": "delete"}]}},
    "an item that is not there is deleted": {"spec": {"volumes": [{"name": "none", "$patch": "delete"}]}},
    "spread merges by topology": {
        "spec": {"topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 2}]},
    },
    "aliases merge by address": {"spec": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["b"]}]}},
    "a new map": {"spec": {"affinity": {"nodeAffinity": {}, "podAffinity": None}}},
    "a map is replaced": {"spec": {"securityContext": {"$patch": "replace", "runAsUser": 9}}},
    "a map is emptied": {"spec": {"securityContext": {"$patch": "delete"}}},
    "a map is deleted that is not there": {"spec": {"affinity": {"$patch": "delete"}}},
    "a few keys stay": {"spec": {"securityContext": {"$retainKeys": ["runAsUser", "fsGroup"], "fsGroup": 9}}},
    "no other keys stay": {"spec": {"nodeSelector": {"$retainKeys": []}}},
    "resources are replaced": {
        "spec": {"containers": [{"name": "engine", "resources": {"$patch": "replace", "limits": {"memory": "1Gi"}}}]}
    },
    "env is replaced": {"spec": {"containers": [{"name": "engine", "env": [{"$patch": "replace"}, {"name": "Z"}]}]}},
    "env is replaced by its other items": {
        "spec": {"containers": [{"name": "engine", "env": [{"name": "A", "$patch": "replace"}, {"name": "Z"}]}]}
    },
    "a variable is deleted and set": {
        "spec": {
            "containers": [{"name": "log", "env": [{"name": "A", "$patch": "delete"}, {"name": "A", "value": "9"}]}]
        }
    },
    "a volume of another type as kubectl apply sends it": {
        "spec": {"volumes": [{"name": "shm", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}
    },
    "another order": {"spec": {"$setElementOrder/containers": [{"name": "log"}, {"name": "engine"}]}},
    "an order of new items": {
        "spec": {
            "$setElementOrder/volumes": [{"name": "shm"}, {"name": "new"}],
            "volumes": [{"name": "new", "emptyDir": {}}],
        }
    },
    "an order of one item behind others": {"spec": {"$setElementOrder/volumes": [{"name": "shm"}]}},
    "ports merge by number": {
        "spec": {"containers": [{"name": "engine", "ports": [{"containerPort": 8000, "name": "x"}]}]}
    },
    "a new list": {"spec": {"initContainers": [{"name": "copy", "image": "busybox"}]}},
}
ADDING: dict[str, dict[str, Any]] = {
    "a new container": {"spec": {"containers": [{"name": "sidecar", "image": "busybox"}]}},
    "a new variable": {"spec": {"containers": [{"name": "engine", "env": [{"name": "C", "value": "3"}]}]}},
    "a new secret": {"spec": {"imagePullSecrets": [{"name": "more"}]}},
}


@pytest.mark.parametrize("name", PATCHES)
def test_like_kubectl(name: str, tmp_path: Path) -> None:
    assert merged(BASE, PATCHES[name]) == kubectl(PATCHES[name], tmp_path)


@pytest.mark.parametrize("name", ADDING)
def test_like_kubectl_but_for_the_order_of_new_items(name: str, tmp_path: Path) -> None:
    """kubectl puts new items first, we put them last: the engine stays the first container."""
    ours = merged(BASE, ADDING[name])
    assert in_order(ours) == in_order(kubectl(ADDING[name], tmp_path))
    assert ours["spec"]["containers"][0]["name"] == "engine"


@pytest.mark.parametrize("name", PATCHES | ADDING)
def test_neither_is_changed(name: str) -> None:
    patch: dict[str, Any] = (PATCHES | ADDING)[name]
    base_before, patch_before = copy.deepcopy(BASE), copy.deepcopy(patch)
    merged(BASE, patch)
    assert (base_before, patch_before) == (BASE, patch)


@pytest.mark.parametrize(
    "item",
    [
        {"name": "scratch", "hostPath": {"path": "/mnt/jit"}},
        {"name": "scratch", "emptyDir": None, "hostPath": {"path": "/mnt/jit"}},
        {"name": "scratch", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/mnt/jit"}},
    ],
)
def test_a_volume_of_another_type_takes_the_place_of_its_namesake(item: dict[str, Any]) -> None:
    """A patch by kubectl without $retainKeys would leave two types, which the API server refuses."""
    volumes = merged(BASE, {"spec": {"volumes": [item]}})["spec"]["volumes"]
    assert volumes == [{"name": "scratch", "hostPath": {"path": "/mnt/jit"}}, BASE["spec"]["volumes"][1]]


def test_a_map_that_replaces_nothing_is_there() -> None:
    """kubectl leaves it out; then it would depend on the base whether what somebody wrote has an effect."""
    patch: dict[str, Any] = {"spec": {"affinity": {"$patch": "replace", "nodeAffinity": {}, "podAffinity": None}}}
    assert merged(BASE, patch)["spec"]["affinity"] == {"nodeAffinity": {}}


VARIABLES = st.lists(
    st.one_of(
        st.fixed_dictionaries({"name": st.sampled_from("ABC"), "value": st.sampled_from("123")}),
        st.fixed_dictionaries({"name": st.sampled_from("ABC"), "$patch": st.just("delete")}),
        st.just({"$patch": "replace"}),
    ),
    max_size=4,
)
DIRECTIVES = st.sampled_from(["replace", "delete"])
AMOUNTS = st.sampled_from(["1", "2"])
LIMITS = st.dictionaries(st.sampled_from(["cpu", "memory"]), AMOUNTS)
RESOURCES = st.one_of(
    st.dictionaries(st.sampled_from(["limits", "requests"]), st.one_of(LIMITS, st.none())),
    st.fixed_dictionaries({"$patch": DIRECTIVES}, optional={"limits": LIMITS, "requests": LIMITS}),
    st.fixed_dictionaries(
        {"limits": st.dictionaries(st.sampled_from(["cpu", "memory"]), st.one_of(AMOUNTS, st.none()))}
    ),
)
IDS = st.lists(st.integers(4, 5), max_size=2)
SECURITY = st.one_of(
    st.fixed_dictionaries({}, optional={"runAsUser": st.sampled_from([7, None]), "supplementalGroups": IDS}),
    st.fixed_dictionaries({"$patch": DIRECTIVES}, optional={"runAsUser": st.just(7), "supplementalGroups": IDS}),
)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.just("engine")},
        optional={
            "env": VARIABLES,
            "resources": RESOURCES,
            "args": st.lists(st.sampled_from("xy"), max_size=2),
            "volumeMounts": st.lists(
                st.fixed_dictionaries({"mountPath": st.sampled_from(["/tmp", "/x"]), "name": st.sampled_from("ab")}),
                max_size=2,
            ),
        },
    ),
    max_size=2,
)


@st.composite
def selectors(draw: st.DrawFn) -> dict[str, Any]:
    """A patch of the nodeSelector, with keys to retain that name those of the patch, or without."""
    patch: dict[str, Any] = draw(
        st.dictionaries(st.sampled_from(["gpu", "zone", "disk"]), st.sampled_from(["x", "y", None]))
    )
    if draw(st.booleans()):
        more = draw(st.sets(st.sampled_from(["gpu", "zone"])))
        patch["$retainKeys"] = sorted(more | {key for key, value in patch.items() if value is not None})
    return patch


PODS = st.fixed_dictionaries(
    {},
    optional={
        "containers": CONTAINERS,
        "nodeSelector": selectors(),
        "securityContext": SECURITY,
        "tolerations": st.lists(st.fixed_dictionaries({"key": st.sampled_from("ab")}), max_size=2),
        "imagePullSecrets": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["registry", "b"])}), max_size=2),
        "topologySpreadConstraints": st.lists(
            st.fixed_dictionaries({"topologyKey": st.sampled_from(["zone", "host"]), "maxSkew": st.integers(2, 3)}),
            max_size=2,
        ),
        "hostAliases": st.lists(
            st.fixed_dictionaries({"ip": st.sampled_from(["10.0.0.1", "10.0.0.2"]), "hostnames": st.just(["c"])}),
            max_size=2,
        ),
    },
)


@given(PODS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_patch_is_like_kubectl_but_for_the_order_of_new_items(tmp_path: Path, pod: dict[str, Any]) -> None:
    patch = {"spec": pod}
    assert list(misread(patch)) == []
    assert in_order(merged(BASE, patch)) == in_order(kubectl(patch, tmp_path))


@pytest.mark.parametrize(
    "pod",
    [
        {"nodeSelector": {"$patch": "merge"}},
        {"nodeSelector": {"$retainKeys": ["gpu"], "zone": "x"}},
        {"nodeSelector": {"$retainKeys": "gpu"}},
        {"imagePullSecrets": [{}]},
        {"$setElementOrder/imagePullSecrets": [{"name": "a"}], "imagePullSecrets": [{"name": "b"}]},
    ],
)
def test_what_kubectl_refuses_is_misread(tmp_path: Path, pod: dict[str, Any]) -> None:
    assert list(misread({"spec": pod}))
    with pytest.raises(subprocess.CalledProcessError):
        kubectl({"spec": pod}, tmp_path)


def kubectl(patch: dict[str, Any], folder: Path) -> Any:
    """The Pod template of a Deployment after kubectl patched it."""
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"selector": {}, "template": BASE},
    }
    file = folder / "deployment.json"
    file.write_text(json.dumps(deployment))
    wanted = json.dumps({"spec": {"template": patch}})
    binary = Path(sys.executable).parent / "kubectl"
    argv = [str(binary), "patch", "--local", "--type=strategic", "-f", str(file), "-p", wanted, "-o", "json"]
    answer = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    return json.loads(answer.stdout)["spec"]["template"]


def in_order(value: Any) -> Any:
    """With every list of maps sorted; lists that are replaced as a whole keep their items' order in both."""
    if isinstance(value, dict):
        return {key: in_order(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [in_order(item) for item in value]
        return (
            sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
            if items and isinstance(items[0], dict)
            else items
        )
    return value
