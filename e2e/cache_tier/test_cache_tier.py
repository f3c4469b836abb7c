"""Promise: a CacheTier is a store that keeps its data and its password."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from e2e.devcluster import Cluster
from e2e.harness import API, Place, everything
from e2e.install import NAMESPACE

pytestmark = pytest.mark.cluster


def tier(store: dict[str, Any], name: str = "shared") -> dict[str, Any]:
    """A CacheTier."""
    return {"apiVersion": API, "kind": "CacheTier", "metadata": {"name": name}, "spec": {"store": store}}


MANAGED = {"managed": {"memory": "64Mi", "storage": {"size": "1Gi", "retention": {"whenDeleted": "Delete"}}}}


def _cli(place: Place, *words: str) -> str:
    return place.kubectl("exec", "shared-store-0", "--", "valkey-cli", "-e", *words).strip()


def test_a_managed_store_keeps_data_and_password(place: Place, installed: Cluster) -> None:
    place.apply(tier(MANAGED))
    place.ready("ctier/shared")
    assert place.get("ctier/shared")["status"]["version"].startswith("Valkey ")
    assert _cli(place, "SET", "tide", "high") == "OK"
    uid = place.get("pod/shared-store-0")["metadata"]["uid"]
    place.kubectl("delete", "pod", "shared-store-0", "--grace-period=0", "--force")
    place.wait(lambda: place.get("pod/shared-store-0")["metadata"]["uid"] != uid, "it is another Pod")
    place.wait(lambda: _cli(place, "GET", "tide") == "high", "the data is there again")

    password = base64.b64decode(place.get("secret/shared-store")["data"]["password"]).decode()
    assert len(password) >= 32
    assert password not in everything(place)
    assert password not in place.operator_logs()
    assert password not in place.kubectl("logs", "shared-store-0")
    assert password not in place.kubectl("exec", "shared-store-0", "--", "sh", "-c", "cat /proc/1/cmdline")
    assert "NOAUTH" in place.kubectl(
        "exec", "shared-store-0", "--", "sh", "-c", "env -u REDISCLI_AUTH valkey-cli -e PING 2>&1; true"
    )
    place.kubectl("delete", "ctier", "shared")
    place.wait(lambda: not place.items("secrets") and not place.items("pvc") and not place.items("pods"), "all is gone")
    installed.wait(
        lambda: installed.get("-n", NAMESPACE, "deploy/tidegate")["status"].get("readyReplicas") == 2,
        "both operators are well",
    )


def test_a_lost_secret_means_a_new_password_and_a_restart(place: Place) -> None:
    place.apply(tier(MANAGED))
    place.ready("ctier/shared")
    old, pod = place.get("secret/shared-store")["data"]["password"], place.get("pod/shared-store-0")["metadata"]["uid"]
    place.kubectl("delete", "secret", "shared-store")
    place.wait(lambda: place.get("secret/shared-store")["data"]["password"] != old, "there is a new one")
    place.wait(lambda: place.get("pod/shared-store-0")["metadata"]["uid"] != pod, "there is another server")
    place.wait(lambda: _cli(place, "PING") == "PONG", "it answers")
    place.ready("ctier/shared")


def test_an_existing_store_is_checked_and_reported(place: Place) -> None:
    place.apply(tier(MANAGED))
    ref = {"urlSecretRef": {"name": "redis", "key": "url"}}
    place.apply(tier({"existing": ref}, "mine"))
    place.wait(lambda: place.condition("ctier/mine", "Ready").get("reason") == "SecretNotFound", "the Secret is missed")
    assert (
        place.condition("ctier/mine", "Ready")["message"]
        == "Secret 'redis' does not exist; create it with the key 'url'"
    )
    place.ready("ctier/shared")
    password = base64.b64decode(place.get("secret/shared-store")["data"]["password"]).decode()
    place.apply(_url(f"redis://:wrong-{password}@shared-store.{place.name}.svc:6379"))
    place.wait(
        lambda: place.condition("ctier/mine", "Ready").get("reason") == "StoreUnreachable", "the password is refused"
    )
    place.apply(_url(f"redis://:{password}@shared-store.{place.name}.svc:6379"))
    place.ready("ctier/mine")
    assert place.get("ctier/mine")["status"]["address"] == f"shared-store.{place.name}.svc:6379"
    assert password not in everything(place)
    assert password not in place.operator_logs()


def _url(url: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis"}, "stringData": {"url": url}}


def test_what_cannot_change_is_refused_with_what_to_do(place: Place) -> None:
    place.apply(tier(MANAGED))
    with pytest.raises(Exception, match="cannot change between managed and existing; create another"):
        place.apply(tier({"existing": {"urlSecretRef": {"name": "redis", "key": "url"}}}))
    with pytest.raises(Exception, match=r"cannot change from .* to .*; delete the CacheTier and create it again"):
        place.apply(tier({"managed": {"memory": "64Mi", "storage": {"size": "2Gi"}}}))
