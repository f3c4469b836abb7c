"""Promise: clients speak TLS with the certificate of a Secret; another one in it counts without a new Pod and without a cut stream, and one
that cannot be used takes nothing away."""

from __future__ import annotations

import base64
import ssl
import threading
import time

import httpx
import pytest
import trustme

from e2e.harness import Object, Place, engine_env, model, policy

pytestmark = pytest.mark.cluster
PASSED_ON = 150.0
"""Seconds in which kubelet passes a changed Secret on: its sync period of a minute, its cache's time, and a margin."""
TLS = {"tls": {"secretRef": {"name": "front-tls"}}}


def certificate(place: Place, authority: trustme.CA) -> Object:
    """A Secret for the router's own name."""
    made = authority.issue_cert(f"front-router.{place.name}.svc", "localhost")
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
    return _secret(chain, made.private_key_pem.bytes())


def _secret(chain: bytes, key: bytes) -> Object:
    data = {"tls.crt": base64.b64encode(chain).decode(), "tls.key": base64.b64encode(key).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "front-tls"},
        "data": data,
    }


def client(place: Place, authority: trustme.CA) -> httpx.Client:
    """One that trusts this authority alone."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    port = place.cluster.forward(place.name, "front-router", 443).rpartition(":")[2]
    return httpx.Client(verify=context, base_url=f"https://localhost:{port}", timeout=120)


def answered(place: Place, authority: trustme.CA) -> bool:
    """Whether a new client is."""
    with client(place, authority) as made:
        try:
            return made.get("/v1/models").status_code == 200
        except httpx.ConnectError:
            return False


def resolved(place: Place) -> tuple[str, str]:
    """Status and message of the condition."""
    found = place.condition("rpol/front", "ResolvedRefs")
    return found.get("status", ""), found.get("message", "")


def begin(place: Place, authority: trustme.CA, **engine: float) -> None:
    """A model, and a policy whose router speaks TLS."""
    secret, served = certificate(place, authority), model(engine={"env": engine_env(**engine)})
    place.apply(secret, served, policy(router={"replicas": 1, **TLS}))
    place.ready("mdep/small", "rpol/front")


def test_clients_speak_tls(place: Place) -> None:
    authority = trustme.CA()
    begin(place, authority)
    assert place.get("rpol/front")["status"]["address"] == f"https://front-router.{place.name}.svc"
    place.wait(lambda: answered(place, authority), "the router answers over TLS")
    body = {"model": "chat", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3}
    with client(place, authority) as made:
        assert made.post("/v1/chat/completions", json=body).status_code == 200


def test_a_router_that_could_show_nothing_replaces_nobody(place: Place) -> None:
    """TLS is asked for with a key that is another certificate's: the router of before goes on, and the policy says why."""
    one, other = (trustme.CA().issue_cert("localhost") for _ in range(2))
    chain = b"".join(blob.bytes() for blob in one.cert_chain_pems)
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    url = place.router()
    wrong = {"replicas": 1, "service": {"port": 80}, **TLS}
    place.apply(_secret(chain, other.private_key_pem.bytes()), policy(router=wrong))

    def said() -> bool:
        return "the key is another certificate's" in place.condition("rpol/front", "Reconciling").get("message", "")

    place.wait(said, "the policy says what is wrong")
    assert place.condition("rpol/front", "Ready")["status"] == "True"
    assert httpx.get(f"{url}/v1/models", timeout=30).status_code == 200


@pytest.mark.long
def test_another_certificate_counts_and_cuts_no_stream(place: Place) -> None:
    old, new = trustme.CA(), trustme.CA()
    begin(place, old, DECODE_MS=1000)
    place.wait(lambda: answered(place, old), "the router answers over TLS")
    lines: list[str] = []
    stream = threading.Thread(target=_stream, args=(place, old, lines))
    stream.start()
    place.wait(lambda: lines, "a stream has begun")
    before = {pod["metadata"]["uid"] for pod in place.items("pods", "tidegate.dev/role=router")}
    place.apply(certificate(place, new))
    began = time.monotonic()
    place.wait(lambda: answered(place, new), "the new certificate is shown", PASSED_ON)
    print(f"another certificate counts after {time.monotonic() - began:.0f} s")
    place.apply(_secret(b"garbage", b"garbage"))
    place.wait(lambda: resolved(place)[0] == "False", "the policy says so", PASSED_ON)
    assert "front-tls" in resolved(place)[1]
    assert answered(place, new), "the last good one is shown"
    stream.join()
    assert lines[-1] == "data: [DONE]"
    assert {pod["metadata"]["uid"] for pod in place.items("pods", "tidegate.dev/role=router")} == before


def _stream(place: Place, authority: trustme.CA, lines: list[str]) -> None:
    """A stream of four minutes."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 240, "stream": True}
    with client(place, authority) as made, made.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines.extend(line for line in answer.iter_lines() if line)
