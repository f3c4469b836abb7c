"""The default StorageClass's provisioner: a PersistentVolume is a folder, seen by all nodes, that goes with its claim."""

from __future__ import annotations

import http.client
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .addons import PROVISIONER
from .api import Api, ApiError
from .settings import Settings

OBJECT = dict[str, Any]
RETRY = 0.5  # seconds, after the API server went away
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


def provision(api: Api, volumes: Path, claim: OBJECT) -> None:
    """Make the volume of a claim that waits for one of ours."""
    metadata, spec = claim["metadata"], claim["spec"]
    asked = metadata.get("annotations", {}).get("volume.kubernetes.io/storage-provisioner")
    if asked != PROVISIONER or spec.get("volumeName") or "deletionTimestamp" in metadata:
        return
    name = f"pvc-{metadata['uid']}"
    folder = volumes / name
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    try:
        api.post("/api/v1/persistentvolumes", volume(name, folder, claim))
    except ApiError as error:
        if error.status != http.client.CONFLICT:  # we have made it before and the claim is about to be bound
            raise


def volume(name: str, folder: Path, claim: OBJECT) -> OBJECT:
    metadata, spec = claim["metadata"], claim["spec"]
    owner = {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
    owner |= {key: metadata[key] for key in ("namespace", "name", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": "Delete",
            "hostPath": {"path": str(folder), "type": "Directory"},
            "claimRef": owner,
        },
    }


def reclaim(api: Api, item: OBJECT) -> None:
    """Delete a volume of ours, and what is in it, whose claim is gone."""
    ours = item["metadata"].get("annotations", {}).get(PROVISIONED_BY) == PROVISIONER
    deletes = item["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    if ours and deletes and item.get("status", {}).get("phase") in ("Released", "Failed"):
        shutil.rmtree(item["spec"]["hostPath"]["path"], ignore_errors=True)
        api.delete(f"/api/v1/persistentvolumes/{item['metadata']['name']}")


def follow(api: Api, path: str, handle: Callable[[OBJECT], None]) -> None:
    """Handle all objects of a collection, and each that changes, for ever."""
    while True:
        try:
            listing = api.get(path)
            for item in listing["items"]:
                handle(item)
            for event in api.watch(path, listing["metadata"]["resourceVersion"]):
                if event["type"] in ("ADDED", "MODIFIED"):
                    handle(event["object"])
        except (OSError, http.client.HTTPException, ApiError) as error:
            print(f"{path}: {error}", file=sys.stderr, flush=True)
            time.sleep(RETRY)


def main(settings: Settings) -> None:
    api = Api(settings, "storage")
    claims = "/api/v1/persistentvolumeclaims"
    arguments = (api, claims, lambda claim: provision(api, settings.volumes, claim))
    threading.Thread(target=follow, args=arguments, daemon=True).start()
    follow(api, "/api/v1/persistentvolumes", lambda item: reclaim(api, item))


if __name__ == "__main__":
    main(Settings.load(Path(sys.argv[1])))
