"""Adapters: who downloads them, with whose token, and where the engine finds them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, model
from tidegate.api import ModelDeployment
from tidegate.plan.model.engine import pod_template

MODELS_TOKEN = {"name": "hf", "key": "token"}
OWN_TOKEN = {"name": "partner", "key": "token"}


def pod(uri: str, *adapters: Any, **source: Any) -> Any:
    """The Pod's spec of a model with adapters a, b, c."""
    named = [{"name": name, **adapter} for name, adapter in zip("abc", adapters, strict=False)]
    manifest = model(source={"uri": uri, "adapters": named, **source})
    return pod_template(ModelDeployment.model_validate(manifest), "r1", DEFAULTS)["spec"]


def token(container: Any) -> Any:
    """The Secret behind HF_TOKEN."""
    found = [var["valueFrom"]["secretKeyRef"] for var in container["env"] if var["name"] == "HF_TOKEN"]
    return found[0] if found else None


def modules(spec: Any) -> list[str]:
    """What follows --lora-modules, as many as there are adapters."""
    args = spec["containers"][0]["args"]
    start = args.index("--lora-modules") + 1
    return [word for word in args[start : start + 3] if "=" in word]


HUB, CLAIM = "hf://acme/llama", "pvc://weights/llama"
PINNED = "/cache/adapters/acme/lora@v1"


@pytest.mark.parametrize(
    ("uri", "credentials", "adapter", "module", "engines_token", "download", "downloads_token"),
    [
        (HUB, None, {"uri": "pvc://loras/a"}, "/claims/loras/a", None, None, None),
        (HUB, MODELS_TOKEN, {"uri": "hf://acme/lora"}, "acme/lora", MODELS_TOKEN, None, None),
        (CLAIM, None, {"uri": "hf://acme/lora"}, "acme/lora", None, None, None),
        (HUB, MODELS_TOKEN, {"uri": "hf://acme/lora@v1"}, PINNED, MODELS_TOKEN, ["acme/lora", "v1"], MODELS_TOKEN),
        (CLAIM, None, {"uri": "hf://acme/lora@v1"}, PINNED, None, ["acme/lora", "v1"], None),
        (
            CLAIM,
            None,
            {"uri": "hf://acme/lora", "credentialsSecretRef": OWN_TOKEN},
            "/cache/adapters/acme/lora@main",
            None,
            ["acme/lora", "main"],
            OWN_TOKEN,
        ),
        (
            HUB,
            MODELS_TOKEN,
            {"uri": "hf://acme/lora@v1", "credentialsSecretRef": OWN_TOKEN},
            PINNED,
            MODELS_TOKEN,
            ["acme/lora", "v1"],
            OWN_TOKEN,
        ),
    ],
    ids=["claim", "hub", "hub beside a claim", "revision", "revision beside a claim", "own token", "both"],
)
def test_one_adapter(
    uri: str, credentials: Any, adapter: Any, module: str, engines_token: Any, download: Any, downloads_token: Any
) -> None:
    spec = pod(uri, adapter, **({"credentialsSecretRef": credentials} if credentials else {}))
    assert modules(spec) == [f"a={module}"]
    assert token(spec["containers"][0]) == engines_token
    made = spec.get("initContainers", [])
    assert [container["args"] for container in made] == ([[*download, module]] if download else [])
    assert [token(container) for container in made] == ([downloads_token] if download else [])


def test_downloads_lie_where_the_engine_looks_for_them() -> None:
    """In the Pod's own storage when only an adapter is of the hub, or in the claim that is asked for."""
    storage = {"claim": {"size": "1Gi"}}
    for more, volume in [({}, "emptyDir"), ({"storage": storage}, "persistentVolumeClaim")]:
        spec = pod(CLAIM, {"uri": "hf://acme/lora@v1"}, **more)
        [download] = spec["initContainers"]
        mount = {"name": "weights", "mountPath": "/cache"}
        assert mount in download["volumeMounts"]
        assert mount in spec["containers"][0]["volumeMounts"]
        [weights] = [v for v in spec["volumes"] if v["name"] == "weights"]
        assert volume in weights


def test_several_adapters() -> None:
    spec = pod(HUB, {"uri": "hf://acme/lora@v1"}, {"uri": "pvc://loras/b"}, {"uri": "hf://acme/lora@v2"})
    assert modules(spec) == [f"a={PINNED}", "b=/claims/loras/b", "c=/cache/adapters/acme/lora@v2"]
    assert [container["name"] for container in spec["initContainers"]] == ["adapter-0", "adapter-2"]


def test_a_download_has_the_engines_limits_and_no_gpu() -> None:
    manifest = model(
        source={"adapters": [{"name": "a", "uri": "hf://acme/lora@v1"}]},
        engine={"resources": {"limits": {"memory": "1Gi"}}, "env": [{"name": "HF_ENDPOINT", "value": "http://mirror"}]},
    )
    [download] = pod_template(ModelDeployment.model_validate(manifest), "r1", DEFAULTS)["spec"]["initContainers"]
    assert download["resources"] == {"limits": {"memory": "1Gi"}}
    assert {"name": "HF_ENDPOINT", "value": "http://mirror"} in download["env"]
