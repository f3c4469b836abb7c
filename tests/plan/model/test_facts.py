"""What a pass reads of a model's world: its revisions, those that no status names, and what routers say."""

from __future__ import annotations

from datetime import datetime
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
LATER = "2026-03-01T11:30:00+00:00"
ENTRY = {"name": A, "role": "Active", "since": EARLIER, "replicas": 2, "answered": True, "readyReplicas": 1}


def owner(*revisions: Any, **status: Any) -> dict[str, Any]:
    return model("llama") | {"status": {"revisions": list(revisions), **status}}


def workload(revision: str, ready: int = 0, kind: str = "Deployment", replicas: int = 3) -> dict[str, Any]:
    labels = revision_labels("llama", revision)
    body = {"spec": {"replicas": replicas}}
    return live(child(kind, f"llama-{revision}", model("llama"), labels, body), readyReplicas=ready)


def service(revision: str) -> dict[str, Any]:
    return live(stable_service(model("llama"), "llama", revision))


def facts(
    manifest: Manifest, *children: Manifest, policies: tuple[Manifest, ...] = (), beyond: tuple[Manifest, ...] = ()
) -> ModelFacts:
    return read(ModelWorld(manifest, DEFAULTS, children=children, policies=policies, beyond=beyond), NOW)


def roles(found: ModelFacts) -> dict[str, str]:
    return {revision.name: revision.role for revision in found.recorded}


def test_a_recorded_revision() -> None:
    times = {"incompleteSince": EARLIER, "silentSince": LATER}
    more = {"identity": "meaning", "servedNames": ["llama"], "adapters": ["tone"], "completed": True, **times}
    found = facts(owner(ENTRY | more))
    (revision,) = found.recorded
    began = datetime.fromisoformat(EARLIER)
    silent = datetime.fromisoformat(LATER)
    assert revision == Revision(A, "Active", began, "meaning", 2, True, began, True, silent)
    assert (found.told[A].served_names, found.told[A].adapters) == (["llama"], ["tone"])


@pytest.mark.parametrize(
    ("role", "written", "proven"),
    [
        ("Active", None, True),  # an operator that did not write it down protected nobody
        ("Retiring", None, True),
        ("Shadow", None, True),  # of a newer operator
        ("Candidate", None, False),
        ("Active", False, False),
        ("Candidate", True, True),
    ],
)
@pytest.mark.parametrize("field", ["answered", "completed"])
def test_who_has_answered_and_was_complete(role: str, written: bool | None, proven: bool, field: str) -> None:
    entry = {"name": A, "role": role, "since": EARLIER} | ({} if written is None else {field: written})
    assert getattr(facts(owner(entry)).recorded[0], field) == proven


@pytest.mark.parametrize(("role", "kept"), [("Active", 3), ("Candidate", 3), ("Retiring", 3), ("Shadow", 3)])
def test_engines_that_no_status_tells_are_those_of_the_workload(role: str, kept: int) -> None:
    """An operator before 0.2 did not write them down, and was upgraded in the middle of a switch."""
    entry = {"name": A, "role": role, "since": EARLIER}
    assert facts(owner(entry), workload(A, replicas=kept)).recorded[0].replicas == kept
    assert facts(owner(entry | {"replicas": 5}), workload(A, replicas=kept)).recorded[0].replicas == 5
    assert facts(owner(entry)).recorded[0].replicas == 1


@pytest.mark.parametrize(
    "entry",
    [
        {},
        "?",
        None,
        {"role": "Active", "since": EARLIER},
        {"name": 7, "role": "Active", "since": EARLIER},
        {"name": "", "role": "Active", "since": EARLIER},
    ],
)
def test_an_entry_that_does_not_say_whose_it_is_is_read_past(entry: Any) -> None:
    assert [r.name for r in facts(owner(entry, ENTRY | {"name": B})).recorded] == [B]


@pytest.mark.parametrize(
    ("entry", "role", "since"),
    [
        ({"name": A}, "Retiring", None),
        ({"name": A, "role": "Active"}, "Active", None),
        ({"name": A, "since": EARLIER}, "Retiring", EARLIER),
        ({"name": A, "role": "Shadow", "since": EARLIER}, "Retiring", EARLIER),  # of a newer operator
        ({"name": A, "role": ["Active"], "since": EARLIER}, "Retiring", EARLIER),
        ({"name": A, "role": "Active", "since": "yesterday"}, "Active", None),
        ({"name": A, "role": "Active", "since": "2026-01-01"}, "Active", None),  # without a zone
        ({"name": A, "role": "Active", "since": 7}, "Active", None),
    ],
)
def test_an_entry_that_can_be_read_in_part_keeps_its_revision(entry: Any, role: str, since: str | None) -> None:
    """As one that has served, since now: nobody who may still be sent to is forgotten."""
    found = facts(owner(entry, ENTRY | {"name": B})).recorded[0]
    assert (found.name, found.role, found.answered) == (A, role, True)
    assert found.since == (datetime.fromisoformat(since) if since else NOW)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("replicas", "2"),
        ("identity", 7),
        ("incompleteSince", "?"),
        ("incompleteSince", "2026-01-01"),  # without a zone
        ("incompleteSince", "2026-01-01T12:00:00"),
        ("silentSince", "2026-01-01"),
        ("silentSince", 7),
        ("servedNames", "x"),
        ("added", {"later": [1]}),
    ],
)
def test_a_field_that_cannot_be_read_is_left_out(field: str, value: Any) -> None:
    (revision,) = facts(owner(ENTRY | {field: value})).recorded
    assert (revision.name, revision.identity) == (A, "")
    assert (revision.incomplete_since, revision.silent_since) == (None, None)


@pytest.mark.parametrize("status", [None, {}, {"revisions": None}, {"revisions": "?"}, {"revisions": {}}, {"x": 1}])
def test_a_status_without_revisions(status: Any) -> None:
    assert facts(model("llama") | {"status": status}).recorded == ()


@pytest.mark.parametrize(
    ("recorded", "children", "expected"),
    [
        # no Active one is named: all that are there; the stable Service says which had the traffic
        ([{"name": "x"}], [workload(A), workload(B), service(B)], {"x": "Retiring", A: "Retiring", B: "Active"}),
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
    assert found == Revision(A, "Active", NOW, "", 4, answered=True, completed=True)


@pytest.mark.parametrize("recorded", [[], [ENTRY]])
def test_a_copy_under_another_name_is_no_revision(recorded: list[Any]) -> None:
    """`kubectl get -o yaml`, another name, and `kubectl apply`: labels and all."""
    copied = workload(B, 2)
    copied["metadata"]["name"] = "llama-debug"
    found = facts(owner(*recorded), copied, workload(A, 1), service(A))
    assert roles(found) == {A: "Active"}
    assert set(found.workloads) == {A}


def test_a_copy_does_not_stand_for_what_it_was_copied_from() -> None:
    copied = workload(A, 2)
    copied["metadata"]["name"] = "llama-debug"
    for children in ([workload(A, 0), copied], [copied, workload(A, 0)]):
        assert ready_replicas(facts(owner(ENTRY), *children).workloads[A]) == 0


def test_a_workload_that_the_status_names_is_found_without_its_labels() -> None:
    bare = workload(A, 1)
    bare["metadata"]["labels"] = {}
    assert set(facts(owner(ENTRY), bare).workloads) == {A}
    assert facts(owner(), bare).recorded == ()


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


def told(name: str, *revisions: str, weight: int = 100, **more: Any) -> dict[str, Any]:
    """A backend of a policy's status."""
    return {"name": name, "revisions": [{"name": r, "weight": weight} for r in revisions], **more}


def sends(
    *revisions: str,
    older: tuple[str, ...] = (),
    live: int = 1,
    behind: int = 0,
    silent: int = 0,
    more: Any = None,
    **spec: Any,
) -> dict[str, Any]:
    """A policy whose newest configuration sends to these revisions, and whose routers may still run one that sends to others."""
    numbers = {"live": live, "behind": behind, "silent": silent, "more": more}
    said = numbers | {"backends": [told("to-llama", *revisions)], "older": [told("to-llama", *older)] if older else []}
    return policy("chat", **spec) | {"status": {"configuration": said}}


@pytest.mark.parametrize(
    ("said", "departure"),
    [
        # nothing is known yet
        (policy("chat"), "silent"),
        (policy("chat") | {"status": {"configuration": "?"}}, "silent"),
        # neither configuration sends to it
        (sends(B), "left"),
        (sends(B, live=3), "left"),
        (sends(B, live=0, behind=1), "left"),
        (sends(B, live=0, silent=2), "left"),
        (sends(), "left"),
        (sends("cccc"), "left"),
        (sends(B, older=("cccc",), live=0, behind=2), "left"),
        # the newest one does, and some run it
        (sends(A), "sending"),
        (sends(A, B), "sending"),
        (sends(A, live=1, behind=1), "sending"),
        # older ones do, and some run another one than the newest
        (sends(B, older=(A,), live=0, behind=1), "sending"),
        (sends(B, older=(A,), live=1, behind=1), "sending"),
        (sends(B, older=(A,), live=0, behind=1, silent=1), "sending"),
        # one of them does, and nobody says so
        (sends(A, live=0), "silent"),
        (sends(A, live=0, behind=1), "silent"),
        (sends(A, live=0, silent=2), "silent"),
        (sends(B, older=(A,), live=1), "silent"),
        (sends(B, older=(A,), live=1, silent=1), "silent"),
        (sends(B, older=(A,), live=0, silent=2), "silent"),
        # more of them than there was room for, of which A may be one
        (sends(B, live=1, behind=1, more=True), "sending"),
        (sends(B, live=1, silent=1, more=True), "silent"),
        (sends(B, live=1, behind=1, more=None), "left"),
        (sends(B, live=1, behind=1, more="?"), "left"),
    ],
)
def test_departure(said: Manifest, departure: str) -> None:
    """Whether the routers have left A, while B has the traffic."""
    found = facts(owner(ENTRY | {"role": "Retiring"}, ENTRY | {"name": B}), policies=(said,))
    assert found.views[0].departure(A) == departure
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


def test_a_policy_that_names_somebody_else_and_may_send_to_anybody() -> None:
    """Its word counts for who may go, and for nothing else: no trial waits for it."""
    said = policy("chat", ("mistral",)) | {"status": {"configuration": {"live": 1, "behind": 1, "more": True}}}
    found = facts(owner(ENTRY | {"role": "Retiring"}, ENTRY | {"name": B}), beyond=(said,))
    assert departures(found) == {A: "sending", B: "sending"}
    assert found.views == ()


@pytest.mark.parametrize("field", ["backends", "older"])
@pytest.mark.parametrize(
    ("backend", "sent_to"),
    [
        (told("to-llama", A, B), {A, B}),
        ({"name": "to-llama", "revisions": [{"name": A, "weight": 100}, {"name": B, "weight": 0}]}, {A}),
        ({"name": "to-llama", "revisions": [{"name": A}]}, {A}),
        ({"name": "to-llama", "revision": A}, {A}),  # as an operator before 0.2 wrote it
        ({"name": "to-llama", "revisions": "?"}, set()),
        ({"name": "another", "revision": A}, set()),
        (told("another", A, model="llama"), {A}),  # which the spec no longer names
        (told("to-llama", A, model="mistral"), set()),  # the spec has another model under this name by now
    ],
)
def test_where_requests_are_sent(backend: dict[str, Any], sent_to: set[str], field: str) -> None:
    said = policy("chat") | {"status": {"configuration": {"live": 1, field: [backend, "?"]}}}
    (view,) = facts(owner(), policies=(said,)).views
    assert {"backends": view.newest, "older": view.older}[field] == sent_to
    assert {"backends": view.older, "older": view.newest}[field] == set()


def nobody(name: str = "to-llama") -> dict[str, Any]:
    """A route that gives this backend no weight."""
    return {"name": "main", "models": ["chat"], "to": {"backends": [{"name": name, "weight": 0}]}}


@pytest.mark.parametrize(
    "spec",
    [{"routes": [nobody()]}, {"routes": []}, {"routes": [], "backends": []}],
    ids=["no weight", "no route", "no backend"],
)
def test_what_the_spec_says_by_now_is_not_what_routers_run(spec: dict[str, Any]) -> None:
    """They are behind, and send to A as they did."""
    said = sends(older=(A,), live=0, behind=2, **spec)
    for backend in said["status"]["configuration"]["older"]:
        backend["model"] = "llama"
    found = facts(owner(ENTRY | {"role": "Retiring"}, ENTRY | {"name": B}), policies=(said,))
    assert departures(found)[A] == "sending"


def test_a_policy_that_cannot_be_read_sends_nothing() -> None:
    broken = {"metadata": {"name": "chat"}, "spec": {"backends": "?", "routes": [{"to": 7}, None]}, "status": None}
    (view,) = facts(owner(), policies=(broken,)).views
    assert not view.known
    assert (view.newest, view.older) == (frozenset(), frozenset())


def test_names_of_workloads_are_names_of_revisions() -> None:
    assert names.revision_name("llama", A) == workload(A)["metadata"]["name"]
