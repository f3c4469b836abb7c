"""What Prometheus is asked, and about which moments."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.cluster.measure import measure
from tidegate.plan.plan import Query
from tidegate.plan.samples import Measurement, Series


class Asked:
    """A Prometheus that notes down what it is asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    async def query(self, *asked: Any) -> Measurement:
        self.seen.append(asked)
        return Measurement((Series({}, ((1.0, 2.0),)),))

    async def query_range(self, *asked: Any) -> Measurement:
        return await self.query(*asked)


@pytest.mark.parametrize(
    ("query", "now", "wanted"),
    [
        (Query("x", 1000.0, scrape=5.0), 1039.0, []),  # no interval is over: the newest scrapes are not in
        (Query("x", 1000.0, scrape=5.0), 1040.0, [("x", 700.0, 1030.0, 30.0)]),
        (Query("x", 1000.0, scrape=5.0, end=1065.0), 9000.0, [("x", 700.0, 1060.0, 30.0)]),
        (Query("x", 1000.0, scrape=1.0, interval=7.0), 1030.0, [("x", 699.0, 1021.0, 7.0)]),
        (Query("x[$(window)]", 1000.0, counted=False), 1090.4, [("x[90s]", 1090.4)]),
        (Query("x[$(window)]", 1000.0, counted=False), 1000.1, [("x[1s]", 1000.1)]),
    ],
)
async def test_asked(query: Query, now: float, wanted: list[Any]) -> None:
    prometheus = Asked()
    found = await measure(prometheus, query, now)  # type: ignore[arg-type]
    assert prometheus.seen == wanted
    assert found.at == now
    assert bool(found.series) == bool(wanted)
