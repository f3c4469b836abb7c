"""Promise: credentials are seen by those who need them and by nobody else: no ConfigMap, log, Event, metric, status or
Envoy dump tells them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import httpx
import pytest

from e2e.devcluster import Cluster
from e2e.harness import API, Object, Place, everything, model, policy
from e2e.install import NAMESPACE
from tidegate.brain.native import built
from tidegate.names import BRAIN_PORT, RUN_DIR

pytestmark = pytest.mark.cluster
DOWNLOAD = "hf_" + "s3cr3t" * 5
STORE = "p4ss/w0rd+with=signs"
CALLER = "sk-" + "callersown" * 4
"""A client's key."""
AUTH: Object = {"apiKeys": {"secretRefs": [{"name": "keys"}]}} if built() else {"anonymous": {}}
"""Routers on Lua let nobody in who needs a key."""
DUMPS = ("config_dump?include_eds", "clusters", "listeners", "stats", "server_info", "init_dump", "certs")
ASK = f"""import httpx, sys
with httpx.Client(transport=httpx.HTTPTransport(uds="{RUN_DIR}/admin.sock"), base_url="http://envoy") as admin:
    print(*(admin.get("/" + dump).raise_for_status().text for dump in sys.argv[1:]))
"""
OPERATOR_PORT = 8080


@pytest.fixture
def told(place: Place) -> Place:
    """A namespace where every kind of credential is in use and was used."""
    place.apply(
        _secret("hf", token=DOWNLOAD),
        _secret("keys", caller=CALLER),
        _secret("mine", url=f"redis://:{quote(STORE, safe='')}@managed-store:6379"),
    )
    place.apply(
        model(model={"credentialsSecretRef": {"name": "hf", "key": "token"}}),
        policy(observability={"accessLog": {}}, auth=AUTH),
        _tier("managed"),
    )
    place.ready("mdep/small", "rpol/front", "ctier/managed")
    place.apply(_tier("wrong", {"existing": {"urlSecretRef": {"name": "mine", "key": "url"}}}))
    place.wait(lambda: place.condition("ctier/wrong", "Ready").get("status") == "False", "the wrong password is told")
    for status in (200, 404):
        body = {"model": "chat" if status == 200 else "nobody", "messages": [{"role": "user", "content": "hello"}]}
        headers = {"authorization": f"Bearer {CALLER}"}
        answer = httpx.post(f"{place.router()}/v1/chat/completions", json=body, headers=headers, timeout=30)
        assert answer.status_code == status, answer.text
    return place


def _secret(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def _tier(name: str, store: Object | None = None) -> Object:
    spec = {"store": store or {"managed": {"memory": "64Mi"}}}
    return {"apiVersion": API, "kind": "CacheTier", "metadata": {"name": name}, "spec": spec}


def test_credentials_are_seen_nowhere(told: Place) -> None:
    managed = base64.b64decode(next(iter(told.get("secret/managed-store")["data"].values()))).decode()
    [engine] = told.items("pods", "tidegate.dev/role=engine")
    assert told.kubectl("exec", engine["metadata"]["name"], "--", "printenv", "HF_TOKEN").strip() == DOWNLOAD
    assert _found(json.dumps(told.get("secrets")), DOWNLOAD), "the search finds what is there"
    seen = {
        "objects": everything(told),
        "objects of the operator": json.dumps(
            told.cluster.get("-n", NAMESPACE, "pods,configmaps,events,leases,deploy")
        ),
        "logs": _logs(told.cluster, told.name) + _logs(told.cluster, NAMESPACE),
        "metrics": _metrics(told),
        "envoy": _envoy(told),
    }
    for credential in (DOWNLOAD, STORE, managed, CALLER):
        assert [where for where, text in seen.items() if _found(text, credential)] == [], credential


def _found(text: str, credential: str) -> bool:
    """As it is, as JSON writes it, and in Base64."""
    spellings = (
        credential,
        quote(credential, safe=""),
        json.dumps(credential)[1:-1],
        base64.b64encode(credential.encode()).decode().rstrip("="),
    )
    return any(spelling in text for spelling in spellings)


def _logs(cluster: Cluster, namespace: str) -> str:
    names = cluster.kubectl("-n", namespace, "get", "pods", "-o", "name").split()
    logs = [
        cluster.kubectl("-n", namespace, "logs", name, "--all-containers", "--prefix", check=False) for name in names
    ]
    assert any(logs), "somebody has said something; a standby is silent"
    return "".join(logs)


def _metrics(place: Place) -> str:
    """Of operator, router and engine."""
    pods = [(pod, OPERATOR_PORT) for pod in place.cluster.get("-n", NAMESPACE, "pods")["items"]]
    pods += [(pod, BRAIN_PORT) for pod in place.items("pods", "tidegate.dev/role=router")]
    pods += [(pod, 8000) for pod in place.items("pods", "tidegate.dev/role=engine")]
    found = ""
    for pod, port in pods:
        url = place.cluster.forward_address(pod["status"]["podIP"], port)
        found += httpx.get(f"{url}/metrics", timeout=30).raise_for_status().text
    assert all(metric in found for metric in ("tidegate_", "envoy_http_downstream_rq", "vllm:"))
    return found


def _envoy(place: Place) -> str:
    """What Envoy tells on its admin interface, which only the brain reaches."""
    [router] = place.items("pods", "tidegate.dev/role=router")
    dump = place.kubectl("exec", router["metadata"]["name"], "-c", "brain", "--", "python", "-c", ASK, *DUMPS)
    assert "dynamic_endpoint_configs" in dump
    return dump
