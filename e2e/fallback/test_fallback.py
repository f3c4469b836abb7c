"""Promise: one whose model does not answer is answered by the next backend, be it a model of the cluster or a provider outside, and no
request fails meanwhile. A provider's key is in nothing that people read."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from e2e.harness import Load, Object, Place, Tally, everything, model, policy
from tests.support.authority import Authority
from tidegate.brain.native import built
from tidegate.settings import ENGINE_IMAGE

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not built(), reason="routers run on Lua, which asks no providers: make native, where cargo is"),
]

KEY = "sk-provider-0123456789"
CODES = [429, 500, 502, 503, 504]
SOON = 1.0
"""Seconds."""
TRIES = 10
"""Of which the best counts: a busy machine may hold one up."""
RUN = {"runAsNonRoot": True, "runAsUser": 1000, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
       "seccompProfile": {"type": "RuntimeDefault"}}  # fmt: skip


def secret(name: str, **data: bytes) -> Object:
    encoded = {key.replace("_", "."): base64.b64encode(value).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}


def provider(certificate: str = "hosted-tls") -> list[Object]:
    """An engine simulator behind TLS that asks for a key, as a provider does."""
    labels = {"app": "hosted"}
    container = {
        "name": "hosted",
        "image": ENGINE_IMAGE,
        "args": ["acme/big", "--served-model-name", "big", "--port", "8443",
                 "--ssl-certfile", "/tls/tls.crt", "--ssl-keyfile", "/tls/tls.key"],
        "env": [{"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {"name": "openai", "key": "token"}}}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8443, "scheme": "HTTPS"}, "periodSeconds": 1},
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
        "securityContext": RUN,
    }  # fmt: skip
    pod = {"containers": [container], "volumes": [{"name": "tls", "secret": {"secretName": certificate}}]}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "hosted"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "hosted"},
            "spec": {"selector": labels, "ports": [{"port": 443, "targetPort": 8443}]},
        },
    ]


def provider_answers(place: Place) -> None:
    """Waits for its Pod, and says what keeps it."""
    try:
        place.wait(lambda: place.get("deployment/hosted")["status"].get("availableReplicas") == 1, "the provider is up")
    except Exception as error:
        said = place.kubectl("describe", "pods", "-l", "app=hosted") + place.kubectl(
            "logs", "-l", "app=hosted", check=False
        )
        raise AssertionError(said) from error


def front(place: Place, first: list[str], then: list[str], **spec: Any) -> Object:
    """A policy that asks these, and then those."""
    made = policy(
        routes={"chat": [{"name": name} for name in first]}, auth={"anonymous": {"allowExternal": True}}, **spec
    )
    external = {
        "protocol": "OpenAI",
        "baseURL": f"https://hosted.{place.name}.svc/v1",
        "model": "big",
        "apiKeySecretRef": {"name": "openai", "key": "token"},
        "caSecretRef": {"name": "authority", "key": "ca.crt"},
    }
    names = sorted({*first, *then})
    made["spec"]["backends"] = [
        {"name": name, "external": external}
        if name == "hosted"
        else {"name": name, "modelDeploymentRef": {"name": name}}
        for name in names
    ]
    made["spec"]["routes"][0]["fallback"] = {
        "backends": [{"name": name} for name in then],
        "response": {"status": 503, "message": "Nobody is there."},
    }
    made["spec"] |= {
        "retry": {"attempts": 1, "codes": CODES},
        "timeouts": {"attempt": "5s"},  # what hangs is given up then; what is well takes a busy machine no such time
        "circuitBreaker": {"consecutiveErrors": 5, "ejectFor": "5s"},
    } | spec
    return made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """That the provider's certificates are of."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def secrets(place: Place, authority: Authority) -> Place:
    """The provider's key and its certificate."""
    certificate, key = (file.read_bytes() for file in authority.files(f"DNS:hosted.{place.name}.svc"))
    old, old_key = (file.read_bytes() for file in authority.files(f"DNS:hosted.{place.name}.svc", days=-1))
    place.apply(
        secret("openai", token=KEY.encode()),
        secret("authority", ca_crt=authority.pem),
        secret("hosted-tls", tls_crt=certificate, tls_key=key),
        secret("hosted-expired", tls_crt=old, tls_key=old_key),
    )
    return place


@pytest.fixture
def small(secrets: Place) -> Place:
    """A model, and a provider after it."""
    secrets.apply(*provider(), model(), front(secrets, ["small"], ["hosted"]))
    provider_answers(secrets)
    secrets.ready("mdep/small", "rpol/front")
    return secrets


@contextmanager
def requests(place: Place) -> Iterator[Tally]:
    """Non-streamed ones of four clients: none may fail."""
    with Load(place.router()).running(streams=0, short=4) as tally:
        yield tally
    assert tally.failed == 0, tally.errors[:3]


def answered(place: Place, tally: Tally, backend: str, more: int = 20) -> None:
    """Waits until it has answered so many more."""
    before = tally.backends[backend]
    place.wait(lambda: tally.backends[backend] >= before + more, f"{backend} answers")


def fault(place: Place, **faults: Any) -> None:
    """Of the model's only engine."""
    [engine] = place.items("pods", "tidegate.dev/role=engine")
    url = place.cluster.forward_address(engine["status"]["podIP"], 8000)
    httpx.post(f"{url}/sim/faults", json=faults, timeout=30).raise_for_status()


UNWELL: tuple[Object, ...] = (
    {"error_rate": 1.0, "error_status": 500},
    {"error_rate": 1.0, "error_status": 429},
    {"hang": True},
)


def test_a_model_that_is_unwell(small: Place) -> None:
    """And when it is well again, it answers again."""
    with requests(small) as tally:
        for faults in UNWELL:
            answered(small, tally, "small")
            fault(small, **faults)
            answered(small, tally, "hosted")
            fault(small, error_rate=0.0, hang=False)
        answered(small, tally, "small")


def test_a_model_that_is_down(small: Place) -> None:
    with requests(small) as tally:
        answered(small, tally, "small")
        small.kubectl("patch", "mdep", "small", "--type=merge", "-p", '{"spec":{"replicas":0}}')
        answered(small, tally, "hosted", 50)
    assert KEY not in everything(small)
    logs = (
        small.kubectl("logs", "-l", "tidegate.dev/role=router", "--all-containers", "--tail=-1") + small.operator_logs()
    )
    assert KEY not in logs
    assert small.condition("rpol/front", "ResolvedRefs")["status"] == "True"


def test_an_expired_certificate(secrets: Place) -> None:
    """The provider is the first to be asked, and then a model."""
    secrets.apply(*provider("hosted-expired"), model(), front(secrets, ["hosted"], ["small"]))
    provider_answers(secrets)
    secrets.ready("mdep/small", "rpol/front")
    with requests(secrets) as tally:
        answered(secrets, tally, "small", 50)
    assert tally.backends["hosted"] == 0


def test_nobody_is_left(small: Place) -> None:
    small.kubectl("patch", "mdep", "small", "--type=merge", "-p", '{"spec":{"replicas":0}}')
    small.kubectl("delete", "deployment", "hosted")
    url = f"{small.router()}/v1/chat/completions"

    def said() -> Any:
        body = {"model": "chat", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1}
        answer = httpx.post(url, json=body, timeout=30)
        return answer.status_code == 503 and answer.json()["error"]["message"] == "Nobody is there."

    small.wait(said, "the policy's own words")


def test_a_key_that_changes(small: Place) -> None:
    """One that the provider does not take is no fault of the client's: 401 moves on, and the policy says so. One that is none leaves the
    provider out, which the policy says, too."""
    small.kubectl("patch", "mdep", "small", "--type=merge", "-p", '{"spec":{"replicas":0}}')
    url, body = f"{small.router()}/v1/chat/completions", {"model": "chat", "messages": [], "max_tokens": 1}

    def status() -> int:
        return httpx.post(url, json=body, timeout=30).status_code

    def refs() -> dict[str, str]:
        return {"status": "", "message": ""} | small.condition("rpol/front", "ResolvedRefs")

    small.wait(lambda: status() in (200, 400), "the provider answers")

    def not_taken() -> float:
        """Seconds until another key is shown."""
        small.apply(secret("openai", token=b"sk-other"))
        changed = time.monotonic()
        small.wait(lambda: status() in (502, 503), "another key is shown, and not taken")
        return time.monotonic() - changed

    def taken() -> None:
        small.apply(secret("openai", token=KEY.encode()))
        small.wait(lambda: status() in (200, 400), "the provider answers again")

    for _ in range(TRIES):
        if (took := not_taken()) < SOON:
            break
        taken()
    assert took < SOON
    small.wait(lambda: "answers 401 to entry 'token'" in refs()["message"], "the policy says that it is not taken")
    small.apply(secret("openai", token=b"two words"))
    small.wait(lambda: status() == 503, "without a key it is not asked")
    small.wait(lambda: "answers 401" not in refs()["message"] and refs()["status"] == "False", "the policy says so")
    assert "entry 'token'" in refs()["message"]
    taken()
