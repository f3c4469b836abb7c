"""Where a model's weights come from: its URI as argv, environment, volumes and mounts.

hf://org/repo@rev   the engine downloads; HF_HOME is the storage; the token is an environment variable from its Secret
pvc://claim/path    the claim is mounted read-only
s3:// and gs://     the engine streams (`--load-format runai_streamer`); the credentials are a mounted file
oci://image         an image volume, mounted read-only
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tidegate import names
from tidegate.api.base import SecretKeyRef
from tidegate.api.modeldeployment import ModelDeployment, ModelSource
from tidegate.plan.kube.objects import empty_dir

MODEL_DIR: Final = "/model"
CACHE_DIR: Final = "/cache"
CLAIM_DIR: Final = "/claims"
CREDENTIALS_DIR: Final = "/credentials"


@dataclass(frozen=True)
class Weights:
    """What a Pod needs for its weights."""

    model: str
    """First argument of `vllm serve`."""
    args: tuple[str, ...] = ()
    env: tuple[dict[str, Any], ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    mounts: tuple[dict[str, Any], ...] = ()
    downloads: tuple[dict[str, Any], ...] = ()
    """What runs, in this order, before the engine: init containers without what all containers have."""

    def __add__(self, other: Weights) -> Weights:
        """Both; volumes and mounts that stand in both are taken once."""
        return Weights(
            self.model,
            self.args + other.args,
            _once(self.env + other.env),
            _once(self.volumes + other.volumes),
            _once(self.mounts + other.mounts),
            self.downloads + other.downloads,
        )


def _once(items: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    return tuple(item for i, item in enumerate(items) if item not in items[:i])


def weights(model: ModelDeployment) -> Weights:
    """Everything that the engine needs to find the model."""
    scheme, _, rest = model.spec.model.uri.partition("://")
    return {"hf": _hub, "pvc": _claim, "s3": _bucket, "gs": _bucket, "oci": _image}[scheme](model, rest)


def _hub(model: ModelDeployment, rest: str) -> Weights:
    repository, _, revision = rest.partition("@")
    args = ("--revision", revision) if revision else ()
    return Weights(repository, args) + hub_cache(model, hub_token(model))


def hub_token(model: ModelDeployment) -> SecretKeyRef | None:
    """The model's own token, when it comes from the hub."""
    source = model.spec.model
    return source.credentials_secret_ref if source.uri.startswith("hf://") else None


def hub_cache(model: ModelDeployment, token: SecretKeyRef | None) -> Weights:
    """The storage of downloads, shared by the model and its adapters."""
    env: list[dict[str, Any]] = [{"name": "HF_HOME", "value": CACHE_DIR}]
    if token:
        env.append({"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": token.name, "key": token.key}}})
    mount = {"name": "weights", "mountPath": CACHE_DIR}
    return Weights("", (), tuple(env), (_storage_volume(model),), (mount,))


def _storage_volume(model: ModelDeployment) -> dict[str, Any]:
    storage = model.spec.model.storage
    if storage and storage.claim:
        return _claim_volume("weights", names.weights_claim(model.metadata.name))
    if storage and storage.existing_claim:
        return _claim_volume("weights", storage.existing_claim.claim_name)
    return empty_dir("weights", storage.ephemeral.size_limit if storage and storage.ephemeral else None)


def _claim_volume(name: str, claim: str, *, read_only: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = {"claimName": claim}
    return {"name": name, "persistentVolumeClaim": body | ({"readOnly": True} if read_only else {})}


def _claim(_: ModelDeployment, rest: str) -> Weights:
    path, volume, mount = claim_path(rest)
    return Weights(path, (), (), (volume,), (mount,))


def claim_path(rest: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The path inside the container, the volume and the mount of `claim/path`."""
    claim, _, path = rest.partition("/")
    volume_name = f"claim-{names.short_hash(claim)}"
    directory = f"{CLAIM_DIR}/{claim}"
    mount = {"name": volume_name, "mountPath": directory, "readOnly": True}
    return f"{directory}/{path}".rstrip("/"), _claim_volume(volume_name, claim, read_only=True), mount


def _bucket(model: ModelDeployment, _: str) -> Weights:
    streaming = Weights(model.spec.model.uri, ("--load-format", "runai_streamer"))
    return streaming + _credentials_file(model.spec.model)


def _credentials_file(source: ModelSource) -> Weights:
    secret = source.credentials_secret_ref
    if secret is None:
        return Weights("")
    s3 = source.uri.startswith("s3://")
    variable = "AWS_SHARED_CREDENTIALS_FILE" if s3 else "GOOGLE_APPLICATION_CREDENTIALS"
    items = [{"key": secret.key, "path": "credentials"}]
    return Weights(
        "",
        (),
        ({"name": variable, "value": f"{CREDENTIALS_DIR}/credentials"},),
        ({"name": "credentials", "secret": {"secretName": secret.name, "items": items, "defaultMode": 0o440}},),
        ({"name": "credentials", "mountPath": CREDENTIALS_DIR, "readOnly": True},),
    )


def _image(_: ModelDeployment, rest: str) -> Weights:
    volume = {"name": "model", "image": {"reference": rest, "pullPolicy": "IfNotPresent"}}
    return Weights(MODEL_DIR, (), (), (volume,), ({"name": "model", "mountPath": MODEL_DIR, "readOnly": True},))
