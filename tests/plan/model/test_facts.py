"""What a pass reads of a model's world: its revisions, those that no status names, and what routers say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import DEFAULTS, EARLIER, NOW, live, model, pod, policy
from tidegate import names
from tidegate.plan.kube.objects import child, revision_labels
from tidegate.plan.model.facts import ModelFacts, departures, read, ready_replicas
from tidegate.plan.model.rollout import Revision
from tidegate.plan.model.services import stable_service
from tidegate.plan.plan import Manifest
from tidegate.plan.world import ModelWorld

A, B = "aaaa", "bbbb"
ENTRY = {"name": A, "role": "Active", "since": EARLIER, "replicas": 2, "answered": True, "readyReplicas": 1}


def owner(*revisions: Any, **status: Any) -> dict[str, Any]:
    return model("llama") | {"status": {"revisions": list(revisions), **status}}


def workload(revision: str, ready: int = 0, kind: str = "Deployment", replicas: int = 3) -> dict[str, Any]:
    labels = revision_labels("llama", revision)
    body = {"spec": {"replicas": replicas}}
    return live(child(kind, f"llama-{revision}", model("llama"), labels, body), readyReplicas=ready)


def service(revision: str) -> dict[str, Any]:
    return live(stable_service(model("llama"), "llama", revision))


def facts(manifest: Manifest, *children: Manifest, policies: tuple[Manifest, ...] = ()) -> ModelFacts:
    return read(ModelWorld(manifest, DEFAULTS, children=children, policies=policies), NOW)


def roles(found: ModelFacts) -> dict[str, str]:
    return {revision.name: revision.role for revision in found.recorded}


def test_a_recorded_revision() -> None:
    more = {"identity": "meaning", "incompleteSince": EARLIER, "servedNames": ["llama"], "adapters": ["tone"]}
    found = facts(owner(ENTRY | more))
    (revision,) = found.recorded
    assert revision == Revision(A, "Active", revision.since, "meaning", 2, True, revision.since)
    assert revision.since.isoformat() == EARLIER
    assert (found.told[A].served_names, found.told[A].adapters) == (["llama"], ["tone"])


@pytest.mark.parametrize(
    ("role", "written", "answered"),
    [
        ("Active", {}, True),  # an operator that did not write it down protected nobody
        ("Retiring", {}, True),
        ("Candidate", {}, False),
        ("Active", {"answered": False}, False),
        ("Candidate", {"answered": True}, True),
    ],
)
def test_who_has_answered(role: str, written: dict[str, Any], answered: bool) -> None:
    entry = {"name": A, "role": role, "since": EARLIER, **written}
    assert facts(owner(entry)).recorded[0].answered == answered


@pytest.mark.parametrize(
    "entry",
    [
        {},
        "?",
        None,
        {"name": A},
        {"name": A, "role": "Active"},
        {"name": A, "since": EARLIER},
        {"role": "Active", "since": EARLIER},
        {"name": A, "role": "Shadow", "since": EARLIER},  # of a newer operator
        {"name": A, "role": ["Active"], "since": EARLIER},
        {"name": A, "role": "Active", "since": "yesterday"},
        {"name": A, "role": "Active", "since": 7},
        {"name": 7, "role": "Active", "since": EARLIER},
    ],
)
def test_an_entry_that_cannot_be_read_is_read_past(entry: Any) -> None:
    assert [r.name for r in facts(owner(entry, ENTRY | {"name": B})).recorded] == [B]


@pytest.mark.parametrize(
    ("field", "value"),
    [("replicas", "2"), ("identity", 7), ("incompleteSince", "?"), ("servedNames", "x"), ("added", {"later": [1]})],
)
def test_a_field_that_cannot_be_read_is_left_out(field: str, value: Any) -> None:
    (revision,) = facts(owner(ENTRY | {field: value})).recorded
    assert (revision.name, revision.identity, revision.incomplete_since) == (A, "", None)


@pytest.mark.parametrize("status", [None, {}, {"revisions": None}, {"revisions": "?"}, {"revisions": {}}, {"x": 1}])
def test_a_status_without_revisions(status: Any) -> None:
    assert facts(model("llama") | {"status": status}).recorded == ()


@pytest.mark.parametrize(
    ("recorded", "children", "expected"),
    [
        # none is named: all that are there; the stable Service says which had the traffic
        ([], [workload(A), workload(B), service(B)], {A: "Retiring", B: "Active"}),
        ([], [workload(A, 1), service(A)], {A: "Active"}),
        ([], [workload(A)], {A: "Retiring"}),
        ([], [workload(A), service("gone")], {A: "Retiring"}),
        # some are: those whose engines answer
        ([ENTRY], [workload(A), workload(B, 1), service(B)], {A: "Active", B: "Retiring"}),
        ([ENTRY], [workload(A), workload(B, 0), service(A)], {A: "Active"}),
        ([ENTRY | {"role": "Candidate"}], [workload(B, 1), service(B)], {A: "Candidate", B: "Active"}),
        ([], [service(A)], {}),
    ],
)
def test_revisions_that_no_status_names(recorded: list[Any], children: list[Any], expected: dict[str, str]) -> None:
    assert roles(facts(owner(*recorded), *children)) == expected


def test_what_no_status_names_is_protected() -> None:
    (found,) = facts(owner(), workload(A, replicas=4), service(A)).recorded
    assert found == Revision(A, "Active", NOW, "", 4, answered=True)


def test_what_is_on_its_way_out_is_no_revision() -> None:
    going = workload(A, 1)
    going["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    assert facts(owner(), going).recorded == ()


def test_children_and_pods_by_revision() -> None:
    group = workload(B, kind="LeaderWorkerSet")
    kept = live(child("ControllerRevision", f"llama-{A}", model("llama"), revision_labels("llama", A), {}))
    claim = live(child("PersistentVolumeClaim", "w", model("llama"), {}, {}))
    pods = tuple(pod(f"p{n}", revision_labels("llama", r)) for n, r in enumerate((A, B, A)))
    world = ModelWorld(model("llama"), DEFAULTS, children=(workload(A), group, kept, claim), pods=pods)
    found = read(world, NOW)
    assert {name: w["kind"] for name, w in found.workloads.items()} == {A: "Deployment", B: "LeaderWorkerSet"}
    assert {name: len(of_it) for name, of_it in found.pods.items()} == {A: 2, B: 1}
    assert found.records == {A: kept}
    assert found.claim == claim


@pytest.mark.parametrize(
    ("workload_", "ready"), [(workload(A, 2), 2), (None, 0), ({}, 0), ({"status": None}, 0), ({"status": "?"}, 0)]
)
def test_ready_replicas(workload_: Any, ready: int) -> None:
    assert ready_replicas(workload_) == ready


def sends(*revisions: str, live: int = 1, behind: int = 0, silent: int = 0, **spec: Any) -> dict[str, Any]:
    """A policy whose routers send its one backend's requests to these revisions."""
    sent = [{"name": name, "weight": 100} for name in revisions]
    said = {"live": live, "behind": behind, "silent": silent, "backends": [{"name": "to-llama", "revisions": sent}]}
    return policy("chat", **spec) | {"status": {"configuration": said}}


def elsewhere() -> dict[str, Any]:
    """A policy that names the model, and sends it nothing."""
    routes = [{"name": "main", "models": ["chat"], "to": {"backends": [{"name": "to-llama", "weight": 0}]}}]
    return sends(A, B, routes=routes)


@pytest.mark.parametrize(
    ("said", "departure"),
    [
        # left: every ready router runs the newest, and it does not send to it
        (sends(B), "left"),
        (sends(B, live=3), "left"),
        (elsewhere(), "left"),
        # sending: some router answers, and what they run or ran sends to it
        (sends(A, B), "sending"),
        (sends(A), "sending"),
        (sends(A, B, live=1, behind=1), "sending"),
        (sends(A, B, live=0, behind=1), "sending"),
        (sends(A, B, live=0, behind=1, silent=1), "sending"),
        # silent: nobody says so, or not all of them
        (sends(A, B, live=0), "silent"),
        (sends(A, B, live=0, silent=2), "silent"),
        (sends(B, live=1, silent=1), "silent"),
        (sends(B, live=0), "silent"),
        (sends(), "silent"),  # the policy has not seen the Active one yet
        (sends("cccc"), "silent"),
        (policy("chat"), "silent"),
        (policy("chat") | {"status": {"configuration": "?"}}, "silent"),
    ],
)
def test_departure(said: Manifest, departure: str) -> None:
    """Whether the routers have left A, while B has the traffic."""
    found = facts(owner(ENTRY | {"role": "Retiring"}, ENTRY | {"name": B}), policies=(said,))
    assert found.views[0].departure(A, B) == departure
    assert departures(found)[A] == departure


@pytest.mark.parametrize(
    ("said", "strongest"),
    [
        ([], "left"),
        ([sends(B), sends(B)], "left"),
        ([sends(B), policy("chat")], "silent"),
        ([policy("chat"), sends(A), sends(B)], "sending"),
    ],
)
def test_the_strongest_word_of_any_policy(said: list[Manifest], strongest: str) -> None:
    found = facts(owner(ENTRY | {"role": "Retiring"}, ENTRY | {"name": B}), policies=tuple(said))
    assert departures(found)[A] == strongest


@pytest.mark.parametrize(
    ("backend", "sent_to"),
    [
        ({"name": "to-llama", "revisions": [{"name": A, "weight": 100}, {"name": B, "weight": 0}]}, {A}),
        ({"name": "to-llama", "revisions": [{"name": A}]}, {A}),
        ({"name": "to-llama", "revision": A}, {A}),  # as an operator before 0.2 wrote it
        ({"name": "to-llama", "revisions": "?"}, set()),
        ({"name": "another", "revision": A}, set()),
    ],
)
def test_where_requests_are_sent(backend: dict[str, Any], sent_to: set[str]) -> None:
    said = policy("chat") | {"status": {"configuration": {"live": 1, "backends": [backend, "?"]}}}
    assert facts(owner(), policies=(said,)).views[0].sent_to == {"to-llama": sent_to}


def test_a_policy_that_cannot_be_read_sends_nothing() -> None:
    broken = {"metadata": {"name": "chat"}, "spec": {"backends": "?", "routes": [{"to": 7}, None]}, "status": None}
    assert facts(owner(), policies=(broken,)).views[0].sent_to == {}


def test_names_of_workloads_are_names_of_revisions() -> None:
    assert names.revision_name("llama", A) == workload(A)["metadata"]["name"]
