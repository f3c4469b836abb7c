"""Promise: two small manifests end in a chat answer, and their deletion leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from e2e import operators
from e2e.devcluster import Cluster
from e2e.harness import Place, events, model, policy

pytestmark = pytest.mark.cluster
QUICKSTART = Path(__file__).resolve().parents[2] / "examples/quickstart.yaml"
LEFT_ALONE = {"configmap/kube-root-ca.crt", "serviceaccount/default"}


def test_quickstart_answers_and_leaves_nothing_behind(place: Place) -> None:
    place.kubectl("apply", "-f", str(QUICKSTART))
    place.ready("mdep/qwen", "rpol/chat")
    client = OpenAI(base_url=f"{place.router('chat')}/v1", api_key="none", max_retries=0)

    whole = client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "Hi"}], max_tokens=6)
    assert whole.model == "qwen"
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 6
    chunks = client.chat.completions.create(
        model="chat", messages=[{"role": "user", "content": "Hi"}], max_tokens=6, stream=True
    )
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert streamed == whole.choices[0].message.content
    assert [m.id for m in client.models.list()] == ["chat"]
    assert client.models.retrieve("chat").id == "chat"

    place.kubectl("delete", "-f", str(QUICKSTART))
    place.wait(lambda: _left(place) == set(), "nothing is left", seconds=120)


def _left(place: Place) -> set[str]:
    kinds = (
        "all,cm,sa,secret,pdb,pvc,controllerrevision,role,rolebinding,endpointslice,networkpolicy,tidegate,replicaset"
    )
    names = place.kubectl("get", kinds, "-o", "name").split()
    return {
        name.replace("s/", "/", 1) if name in ("configmaps", "serviceaccounts") else name for name in names
    } - LEFT_ALONE


def test_applying_again_writes_nothing(place: Place) -> None:
    place.apply(model(), policy())
    place.ready("mdep/small", "rpol/front")
    before = place.at_rest()
    for _ in range(2):
        place.apply(model(), policy())
    assert place.at_rest() == before
    assert [r["name"] for r in place.get("mdep/small")["status"]["revisions"]] == [
        place.get("mdep/small")["status"]["activeRevision"]
    ]


def test_order_of_apply_does_not_matter(place: Place) -> None:
    place.apply(policy())
    place.wait(lambda: place.condition("rpol/front", "ResolvedRefs").get("status") == "False", "the model is missed")
    assert "'small' does not exist; create it" in place.condition("rpol/front", "ResolvedRefs")["message"]
    assert place.condition("rpol/front", "Stalled")["status"] == "False"
    place.apply(model())
    place.ready("mdep/small", "rpol/front")
    assert place.condition("rpol/front", "ResolvedRefs")["status"] == "True"


def test_the_operator_may_come_late(place: Place, installed: Cluster) -> None:
    operators.scale(installed, 0)
    try:
        place.apply(model(), policy())
        assert "status" not in place.get("mdep/small")
    finally:
        operators.scale(installed, 2)
    place.ready("mdep/small", "rpol/front")


def test_a_model_without_engines_answers_503_and_says_when_to_come_back(place: Place) -> None:
    place.apply(model(replicas=0), policy())
    place.ready("mdep/small")
    assert place.condition("mdep/small", "Ready")["reason"] == "ScaledToZero"
    place.ready_says("rpol/front", "ScaledToZero")
    answer = httpx.post(f"{place.router()}/v1/chat/completions", json={"model": "chat", "messages": []}, timeout=30)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["error"]["type"] == "ServiceUnavailable"


def test_scale_subresource_and_columns(place: Place) -> None:
    place.apply(model())
    place.ready("mdep/small")
    place.kubectl("scale", "mdep/small", "--replicas=2")
    place.wait(lambda: place.get("mdep/small")["status"]["readyReplicas"] == 2, "two engines answer")
    assert "hf://acme/tiny" in place.kubectl("get", "mdep")
    assert place.get("mdep/small")["status"]["selector"] == "tidegate.dev/model=small,tidegate.dev/role=engine"


def test_events_tell_transitions_only(place: Place) -> None:
    place.apply(model())
    place.ready("mdep/small")
    place.at_rest()
    place.wait(lambda: _told(place)[-1:] == [("Serving", "Normal")], "the Event is there: it is sent in the background")
    assert len(_told(place)) <= 3, _told(place)


def _told(place: Place) -> list[tuple[str, str]]:
    return [(event["reason"], event["type"]) for event in events(place, "small")]


def test_trouble_is_told_in_the_pods_own_words(place: Place) -> None:
    place.apply(model(engine={"image": "nobody.example/none:1"}), model("big", engine={"gpus": {"count": 64}}))
    place.wait(lambda: "none:1" in place.condition("mdep/small", "Ready").get("message", ""), "the image is named")
    assert place.condition("mdep/small", "Ready")["reason"] in ("ErrImagePull", "ImagePullBackOff")
    place.wait(lambda: place.condition("mdep/big", "Ready").get("reason") == "Unschedulable", "no node has 64 GPUs")
    assert "Insufficient nvidia.com/gpu" in place.condition("mdep/big", "Ready")["message"]
    place.apply(model("oops", engine={"args": ["--no-such-flag"]}))
    place.wait(
        lambda: "CrashLoopBackOff" in place.condition("mdep/oops", "Ready").get("reason", ""), "a wrong flag is a crash"
    )
