"""Promise: a policy's router runs in the Pods of a model, before its one engine; its Service leads to exactly these Pods, a change of the policy
replaces none of them, and a Pod that leaves cuts no stream and refuses nobody."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from typing import Any

import httpx
import pytest

from e2e.harness import Load, Object, Place, engine_env, model, policy
from e2e.load.stage import Stage
from tidegate.brain.native import built

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not built(), reason="routers run on Lua, which let nobody in: make native, where cargo is"),
]
KEYS: Object = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "keys"},
    "stringData": {"acme": "sk-acme"},
}
BESIDE = {"routingPolicyRef": {"name": "chat"}}
KEYED = {"apiKeys": {"secretRefs": [{"name": "keys"}]}}
HELLO = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}


def beside(**engine: Any) -> Object:
    replicas = engine.pop("replicas", 2)
    settings = {"env": engine_env(DECODE_MS=20), "sidecarRouter": BESIDE} | engine
    return model(engine=settings, replicas=replicas, drain={"timeout": "45s"})


def chat(**spec: Any) -> Object:
    return policy("chat", **({"router": {"placement": "Sidecar"}} | spec))


def pods(place: Place) -> list[Object]:
    found = place.items("pods", "tidegate.dev/role=engine,tidegate.dev/policy=chat")
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def uids(place: Place) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods(place)}


def restarts(place: Place, container: str) -> int:
    """Of the only Pod."""
    [pod] = pods(place)
    known = [*pod["status"]["containerStatuses"], *pod["status"]["initContainerStatuses"]]
    return next(int(c["restartCount"]) for c in known if c["name"] == container)


def ask(url: str, key: str = "", **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.post(f"{url}/v1/chat/completions", json=HELLO | more, headers=headers, timeout=30)


def test_admission_limits_and_who_answers(place: Place) -> None:
    """Keys and limits in each Pod; the plain Service of the model and routers of another policy reach the same engines as ever."""
    limits = [{"name": "few", "per": "Client", "requests": 3, "window": "1m"}]
    place.apply(KEYS, chat(auth=KEYED, limits=limits), beside(), policy())
    place.ready("mdep/small", "rpol/chat", "rpol/front")
    ours = {pod["status"]["podIP"] for pod in pods(place)}
    place.wait(lambda: _reached(place) == {(address, 8080) for address in ours}, "its Service leads to these Pods")
    url = place.router("chat")
    assert ask(url).status_code == 401
    answers = [ask(url, "sk-acme") for _ in range(12)]
    assert {answer.status_code for answer in answers} == {200, 429}
    good = next(answer for answer in answers if answer.status_code == 200)
    [revision] = place.get("mdep/small")["status"]["revisions"]
    assert good.headers["x-tidegate-revision"] == revision["name"]
    assert sum(answer.status_code == 200 for answer in answers) in (3, 4, 5, 6)  # each Pod counts alone
    assert place.condition("rpol/chat", "LimitsShared")["reason"] == "PerReplica"
    assert place.get("rpol/chat")["status"]["ready"] == "2/2"
    assert ask(place.router()).status_code == 200
    plain = place.cluster.forward(place.name, "small", 80)
    place.wait(lambda: ask(plain, model="small").status_code == 200, "it answers")


def _reached(place: Place) -> set[tuple[str, int]]:
    slices = place.items("endpointslices", "kubernetes.io/service-name=chat-router")
    return {(a, p["port"]) for s in slices for e in s["endpoints"] for a in e["addresses"] for p in s["ports"]}


def test_rights(place: Place) -> None:
    """The brain's account reads its ConfigMap and the policy's Secrets, no EndpointSlices; the engine has neither token nor its user."""
    place.apply(KEYS, chat(auth=KEYED), beside(replicas=1))
    place.ready("mdep/small", "rpol/chat")
    rules = place.get("role/chat-router")["rules"]
    assert [(r["resources"], r.get("resourceNames")) for r in rules] == [
        (["configmaps"], ["chat-router"]),
        (["secrets"], ["keys"]),
    ]
    assert [s["name"] for s in place.get("rolebinding/chat-router")["subjects"]] == ["small-engine"]
    [pod] = pods(place)
    mounts = {c["name"]: [m["mountPath"] for m in c["volumeMounts"]] for c in pod["spec"]["containers"]}
    assert not any("serviceaccount" in path for path in mounts["engine"])
    users = {c["name"]: c["securityContext"].get("runAsUser") for c in pod["spec"]["initContainers"]}
    assert users == {"brain": 65533, "envoy": 65533}
    assert pod["spec"]["securityContext"]["runAsUser"] != 65533


def test_a_change_of_the_policy_replaces_nobody(place: Place) -> None:
    place.apply(chat(), beside())
    place.ready("mdep/small", "rpol/chat")
    before, url = uids(place), place.router("chat")
    changed = chat(
        routes={"other": [{"name": "small"}]},
        router={"placement": "Sidecar", "resources": {"requests": {"cpu": "300m"}}},
    )
    place.apply(changed)
    place.wait(lambda: ask(url, model="other").status_code == 200, "the new route answers")
    place.ready("rpol/chat")
    place.wait(lambda: place.condition("mdep/small", "UpdatePending").get("status") == "True", "the rest waits")
    assert uids(place) == before


def test_the_same_pods_leave_without_harm(place: Place) -> None:
    """More engines, fewer engines, and a new revision with another name for its model, under streams."""
    place.apply(chat(), beside())
    place.ready("mdep/small", "rpol/chat")
    url = place.router("chat")
    with Load(url).running(streams=8, tokens=150, short=4) as tally:
        place.kubectl("scale", "mdep/small", "--replicas=3")
        place.wait(lambda: place.get("rpol/chat")["status"]["ready"] == "3/3", "three answer")
        place.kubectl("scale", "mdep/small", "--replicas=1")
        place.wait(lambda: len(place.items("pods", "tidegate.dev/policy=chat")) == 1, "two have left", 120)
        renamed = beside(replicas=1, maxNumSeqs=64)
        renamed["spec"]["model"]["servedNames"] = ["renamed"]
        old = place.get("mdep/small")["status"]["activeRevision"]
        place.apply(renamed)
        place.wait(lambda: place.get("mdep/small")["status"]["activeRevision"] != old, "the new one serves", 120)
        place.wait(lambda: len(place.items("pods", "tidegate.dev/policy=chat")) == 1, "the old one has left", 120)
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0), dict(tally.answers)
    assert len(tally.revisions) == 2


@pytest.mark.long
def test_a_blue_green(place: Place) -> None:
    """The Service moves with the model's requests, and the old engine is kept until it has: nobody is refused."""
    blue_green = {"strategy": "BlueGreen", "blueGreen": {"keepPrevious": "10s"}}
    place.apply(chat(), beside(replicas=1) | {"spec": beside(replicas=1)["spec"] | {"rollout": blue_green}})
    place.ready("mdep/small", "rpol/chat")
    url, old = place.router("chat"), place.get("mdep/small")["status"]["activeRevision"]
    with Load(url).running(streams=4, tokens=100, short=2) as tally:
        green = beside(replicas=1, maxNumSeqs=32)
        place.apply(green | {"spec": green["spec"] | {"rollout": blue_green}})
        place.wait(lambda: place.get("mdep/small")["status"]["activeRevision"] != old, "the new one serves", 120)
        place.wait(lambda: len(place.items("pods", "tidegate.dev/policy=chat")) == 1, "the old one has left", 120)
    assert (tally.errors[:3], tally.failed, tally.cut) == ([], 0, 0), dict(tally.answers)
    assert len(tally.revisions) == 2


def test_an_engine_that_is_killed_in_its_pod(place: Place) -> None:
    """Its container begins anew beside the router that there is, and both answer again."""
    place.apply(chat(), beside(replicas=1))
    place.ready("mdep/small", "rpol/chat")
    url = place.router("chat")
    [pod] = pods(place)
    engine = place.cluster.forward_address(pod["status"]["podIP"], 8000)
    with suppress(httpx.TransportError):  # it does not answer that one
        httpx.post(f"{engine}/sim/faults", json={"crash": True}, timeout=30)

    place.wait(lambda: restarts(place, "engine") == 1, "kubelet starts it anew")
    place.wait(lambda: ask(url).status_code == 200, "it answers again")
    assert uids(place) == {pod["metadata"]["uid"]}


@pytest.mark.long
def test_an_engine_that_hangs_in_its_pod(place: Place) -> None:
    """Kubelet drains the router before it ends the engine, as where the Pod leaves; but it stays, and has another router then."""
    place.apply(chat(), beside(replicas=1))
    place.ready("mdep/small", "rpol/chat")
    url = place.router("chat")
    [pod] = pods(place)
    os.kill(Stage(place).pid(pod, "engine"), signal.SIGSTOP)
    place.wait(lambda: restarts(place, "engine") == 1, "kubelet starts it anew", 180)
    place.wait(lambda: ask(url).status_code == 200, "it answers again")
    assert (uids(place), restarts(place, "envoy")) == ({pod["metadata"]["uid"]}, 1)


def test_what_is_wrong_is_said(place: Place) -> None:
    place.apply(beside(replicas=1))
    place.ready_says("mdep/small", "PolicyNotFound")
    assert "create it" in place.condition("mdep/small", "Ready")["message"]
    place.apply(policy("chat"))
    place.wait(lambda: "placement: Sidecar" in place.condition("mdep/small", "Ready")["message"], "of its own")
    place.kubectl("delete", "rpol", "chat")
    place.apply(chat(routes={"chat": [{"name": "other"}]}))
    place.wait(lambda: "no backend for this model" in place.condition("mdep/small", "Ready")["message"], "other model")
    place.ready_says("rpol/chat", "NotNamedByModel")
    place.apply(chat())
    place.ready("mdep/small", "rpol/chat")
    place.kubectl("delete", "rpol", "chat")
    place.wait(lambda: place.condition("mdep/small", "ResolvedRefs").get("reason") == "PolicyNotFound", "it is gone")
    assert place.condition("mdep/small", "Ready")["status"] == "True"
    place.apply(chat())
    place.ready("mdep/small", "rpol/chat")
    with pytest.raises(Exception, match="placement cannot be changed"):
        place.apply(policy("chat"))
    with pytest.raises(Exception, match="scale the model"):
        place.kubectl("scale", "rpol/chat", "--replicas=3")
    began = time.monotonic()
    url = place.router("chat")
    place.wait(lambda: ask(url).status_code == 200, "it answers")
    print(json.dumps({"answers again after": round(time.monotonic() - began, 1)}))
