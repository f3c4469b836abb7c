"""The newest warning among an object's Events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.fake_api import FakeApi
from tidegate.cluster.complaints import ask
from tidegate.errors import Unavailable
from tidegate.plan.plan import ObjectKey, Question
from tidegate.plan.samples import Complaint

POD = Question(ObjectKey("v1", "Pod", "shop", "engine-0"))


class Events(FakeApi):
    """An API server with these Events."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[tuple[str, str, Any]] = []

    async def request(
        self, method: str, url: str, query: Mapping[str, str] | None = None, *_: Any, **__: Any
    ) -> dict[str, Any]:
        self.asked.append((method, url, query))
        if isinstance(self.answer, Exception):
            raise self.answer
        found: dict[str, Any] = self.answer
        return found


def event(reason: str, message: str, **when: Any) -> dict[str, Any]:
    return {"reason": reason, "message": message, **when}


@pytest.mark.parametrize(("version", "of_it"), [("", ""), ("u-1", ",involvedObject.uid=u-1")])
async def test_warnings_about_this_very_object_are_asked_for(version: str, of_it: str) -> None:
    api = Events({"items": []})
    await ask(api, Question(POD.about, version))
    selector = f"involvedObject.kind=Pod,involvedObject.name=engine-0,type=Warning{of_it}"
    assert api.asked == [("GET", "/api/v1/namespaces/shop/events", {"fieldSelector": selector})]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], Complaint()),
        (None, Complaint()),
        (
            [
                event("New", "second\n", lastTimestamp="2026-03-01T12:00:09Z"),
                event("Old", "first", lastTimestamp="2026-03-01T12:00:01Z"),
            ],
            Complaint("New", "second"),
        ),
        (
            [
                event("New", "", lastTimestamp=None, eventTime="2026-03-01T12:00:09.000001Z"),
                event("Old", "first", lastTimestamp="2026-03-01T12:00:01Z", eventTime=None),
            ],
            Complaint("New", ""),
        ),
        ([event("Only", "words")], Complaint("Only", "words")),
        # a Pod that has its node by now is not told that it had none
        ([event("FailedScheduling", "0/2 nodes")], Complaint()),
        (
            [
                event("FailedScheduling", "0/2 nodes", lastTimestamp="2026-03-01T12:00:09Z"),
                event("FailedMount", "no volume", lastTimestamp="2026-03-01T12:00:01Z"),
            ],
            Complaint("FailedMount", "no volume"),
        ),
        (["?", {"reason": 1}], Complaint()),
    ],
)
async def test_the_newest(items: Any, expected: Complaint) -> None:
    assert await ask(Events({"items": items}), POD) == expected


async def test_an_api_server_that_does_not_answer() -> None:
    with pytest.raises(Unavailable):
        await ask(Events(Unavailable("silence")), POD)
