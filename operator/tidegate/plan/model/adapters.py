"""A model's LoRA adapters: flags, volumes and downloads.

adapter                        then
----------------------------   -------------------------------------------------------------------------------
pvc://claim/path               the claim is mounted read-only
hf://org/repo                  the engine downloads it, with the model's token if the model is from the hub too
hf://org/repo@revision         an init container downloads it: `--lora-modules` cannot say a revision
hf://... with its own token    an init container downloads it: an engine has one token
"""

from __future__ import annotations

from typing import Any, Final

from tidegate.api.modeldeployment import Adapter, ModelDeployment
from tidegate.plan.model.weights import CACHE_DIR, Weights, claim_path, hub_cache, hub_token

DOWNLOAD: Final = (
    "import sys; from huggingface_hub import snapshot_download; "
    "snapshot_download(sys.argv[1], revision=sys.argv[2], local_dir=sys.argv[3])"
)
"""With the engine's own Python: its image has vLLM's downloader."""
DEFAULT_BRANCH: Final = "main"


def adapters(model: ModelDeployment) -> Weights:
    """Everything that the engine needs to find its adapters; nothing when it has none."""
    given = model.spec.model.adapters
    if not given:
        return Weights("")
    made, modules = Weights(""), []
    for number, adapter in enumerate(given):
        found = _found(model, adapter, number)
        modules.append(f"{adapter.name}={found.model}")
        made += found
    return Weights("", ("--enable-lora", "--max-loras", str(len(given)), "--lora-modules", *modules)) + made


def _found(model: ModelDeployment, adapter: Adapter, number: int) -> Weights:
    """One adapter; `model` of what comes back is where the engine finds it."""
    scheme, _, rest = adapter.uri.partition("://")
    if scheme == "pvc":
        path, volume, mount = claim_path(rest)
        return Weights(path, (), (), (volume,), (mount,))
    repository, _, revision = rest.partition("@")
    cache = hub_cache(model, hub_token(model))
    if not revision and adapter.credentials_secret_ref is None:
        return Weights(repository) + cache
    folder = f"{CACHE_DIR}/adapters/{repository}@{revision or DEFAULT_BRANCH}"
    return Weights(folder, downloads=(_download(model, adapter, number, folder),)) + cache


def _download(model: ModelDeployment, adapter: Adapter, number: int, folder: str) -> dict[str, Any]:
    repository, _, revision = adapter.uri.removeprefix("hf://").partition("@")
    cache = hub_cache(model, adapter.credentials_secret_ref or hub_token(model))
    return {
        "name": f"adapter-{number}",
        "command": ["python3", "-c", DOWNLOAD],
        "args": [repository, revision or DEFAULT_BRANCH, folder],
        "env": list(cache.env),
        "volumeMounts": list(cache.mounts),
    }
