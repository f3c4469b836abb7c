"""An Event for each change that people care about, and none while nothing changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.builders import NOW, managed_tier
from tests.support.fake_api import FakeApi
from tests.support.virtual_time import run
from tidegate.cluster.events import BUSY_PACE, PACE, ROOM, Recorder, transitions
from tidegate.errors import Unavailable
from tidegate.plan.plan import ObjectKey

Status = dict[str, Any]


def status(**conditions: tuple[str, str]) -> Status:
    """Conditions by type, as (status, reason)."""
    found = [{"type": t, "status": s, "reason": r, "message": f"about {t}"} for t, (s, r) in conditions.items()]
    return {"conditions": found}


FINE = status(Ready=("True", "AsSpecified"), Stalled=("False", "AsSpecified"), ResolvedRefs=("True", "AsSpecified"))


def told(old: Status | None, new: Status) -> list[tuple[str, str, str]]:
    owner = managed_tier() | ({"status": old} if old else {})
    return [(e["type"], e["reason"], e["note"]) for e in transitions(owner, new, NOW)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (FINE, FINE, []),
        (None, FINE, [("Normal", "AsSpecified", "Ready is True: about Ready")]),
        (
            None,
            status(Ready=("False", "EnginesStarting")),
            [("Normal", "EnginesStarting", "Ready is False: about Ready")],
        ),
        (
            FINE,
            status(Ready=("True", "OldRevisionDraining")),
            [("Normal", "OldRevisionDraining", "Ready is True: about Ready")],
        ),
        (
            FINE,
            status(Ready=("False", "CrashLoopBackOff")),
            [("Warning", "CrashLoopBackOff", "Ready is False: about Ready")],
        ),
        (FINE, status(Stalled=("True", "NameTaken")), [("Warning", "NameTaken", "Stalled is True: about Stalled")]),
        (
            status(Stalled=("True", "NameTaken")),
            status(Stalled=("False", "AsSpecified")),
            [("Normal", "AsSpecified", "Stalled is False: about Stalled")],
        ),
        (
            FINE,
            status(ResolvedRefs=("False", "BackendNotFound")),
            [("Warning", "BackendNotFound", "ResolvedRefs is False: about ResolvedRefs")],
        ),
        (None, status(NativeFilters=("True", "AsSpecified")), []),
        (
            None,
            status(NativeFilters=("False", "EnvoyUntested")),
            [("Warning", "EnvoyUntested", "NativeFilters is False: about NativeFilters")],
        ),
        (None, status(ResponseCache=("True", "AsSpecified")), []),
        (FINE, status(ResponseCache=("False", "LayerIdle")), []),
        (status(ResponseCache=("False", "LayerIdle")), status(ResponseCache=("True", "AsSpecified")), []),
        (
            status(ResponseCache=("False", "LayerIdle")),
            status(ResponseCache=("False", "FalseHits")),
            [("Warning", "FalseHits", "ResponseCache is False: about ResponseCache")],
        ),
        (
            FINE,
            status(ResponseCache=("False", "FalseHits")),
            [("Warning", "FalseHits", "ResponseCache is False: about ResponseCache")],
        ),
        (None, status(MetricsAvailable=("Unknown", "NotAsked")), []),
        (status(MetricsAvailable=("Unknown", "NotAsked")), status(MetricsAvailable=("True", "AsSpecified")), []),
        (
            status(MetricsAvailable=("True", "AsSpecified")),
            status(MetricsAvailable=("False", "MetricMissing")),
            [("Warning", "MetricMissing", "MetricsAvailable is False: about MetricsAvailable")],
        ),
        (
            status(MetricsAvailable=("False", "MetricMissing")),
            status(MetricsAvailable=("True", "AsSpecified")),
            [("Normal", "AsSpecified", "MetricsAvailable is True: about MetricsAvailable")],
        ),
        (FINE, status(Reconciling=("True", "Starting")), []),
        (FINE, status(UpdatePending=("True", "Adopted")), []),
    ],
)
def test_transitions(old: Status | None, new: Status, expected: list[tuple[str, str, str]]) -> None:
    assert told(old, new) == expected


def test_a_message_alone_is_no_event() -> None:
    new = status(Ready=("True", "AsSpecified"))
    new["conditions"][0]["message"] = "2 of 2 engines answer"
    assert told(FINE, new) == []


def test_shape() -> None:
    owner = managed_tier()
    (event,) = transitions(owner, status(Ready=("False", "Starting")), NOW)
    assert event["metadata"]["namespace"] == "shop"
    assert event["metadata"]["name"].startswith("shared.")
    assert event["regarding"]["uid"] == owner["metadata"]["uid"]
    assert event["eventTime"] == "2026-03-01T12:00:00.000000Z"


def test_a_long_message_is_cut() -> None:
    new = status(Ready=("False", "Starting"))
    new["conditions"][0]["message"] = "x" * 5000
    assert len(told(None, new)[0][2].encode()) == 1024


async def test_an_event_that_cannot_be_written_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    told = transitions(managed_tier(), status(Ready=("False", "A"), Stalled=("True", "B")), NOW)
    api = FakeApi()
    api.failures["create", ObjectKey.of(told[0])] = Unavailable("no")
    recorder = Recorder(api)
    recorder.post(told)
    assert api.log == [], "a pass does not wait for its news"
    async with asyncio.timeout(10):
        posting = asyncio.create_task(recorder.run())
        while ObjectKey.of(told[1]) not in api.objects:
            await asyncio.sleep(0)
    posting.cancel()
    assert ObjectKey.of(told[0]) not in api.objects
    assert [record.getMessage() for record in caplog.records] == ["an Event is dropped: no"]


def test_news_that_find_no_room_are_dropped() -> None:
    recorder = Recorder(FakeApi())
    (event,) = transitions(managed_tier(), status(Ready=("False", "A")), NOW)
    recorder.post([event] * (ROOM + 1))
    assert recorder.waiting == ROOM


@pytest.mark.parametrize(("busy", "pace"), [(False, PACE), (True, BUSY_PACE)])
@pytest.mark.timeout(30)
def test_news_give_way_to_work(busy: bool, pace: float) -> None:
    async def main() -> None:
        api = FakeApi()
        recorder = Recorder(api, lambda: busy)
        recorder.post(transitions(managed_tier(), status(Ready=("False", "A"), Stalled=("True", "B")), NOW))
        posting = asyncio.create_task(recorder.run())
        await asyncio.sleep(0.9 * pace)
        assert len(api.objects) == 1
        await asyncio.sleep(0.2 * pace)
        assert len(api.objects) == 2
        posting.cancel()

    run(main())


def scaled(replicas: int) -> Status:
    return {"autoscaling": {"desiredReplicas": replicas, "limit": "Signal", "message": "arrivals: 7 requests/s"}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (scaled(3), scaled(5), [("Normal", "ScaledUp", "5 engines instead of 3; Signal: arrivals: 7 requests/s")]),
        (scaled(3), scaled(2), [("Normal", "ScaledDown", "2 engines instead of 3; Signal: arrivals: 7 requests/s")]),
        (scaled(3), scaled(3), []),
        (None, scaled(3), []),
        (scaled(3), {}, []),
    ],
)
def test_another_number_of_engines(old: Status | None, new: Status, expected: list[tuple[str, str, str]]) -> None:
    assert told(old, new) == expected
