"""A histogram whose bounds change counts as one that always had them, from the moment that it has them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.records.histogram import Histogram

VALUES = st.lists(st.floats(0, 100), max_size=30)
BOUNDS = st.sets(st.integers(0, 100).map(float), min_size=1, max_size=8)


def cumulative(bounds: set[float], values: list[float]) -> dict[str, float]:
    """What Prometheus means by buckets."""
    found = {repr(bound): float(sum(value <= bound for value in values)) for bound in sorted(bounds)}
    return found | {"+Inf": float(len(values))}


@given(BOUNDS, VALUES)
def test_it_counts(bounds: set[float], values: list[float]) -> None:
    made = Histogram(bounds)
    for value in values:
        made.observe(value)
    buckets, total = made.buckets()
    assert dict(buckets) == cumulative(bounds, values)
    assert total == sum(values)


@given(BOUNDS, BOUNDS, VALUES, VALUES)
def test_new_bounds_begin_with_what_is_certain(
    old: set[float], new: set[float], before: list[float], after: list[float]
) -> None:
    made = Histogram(old)
    for value in before:
        made.observe(value)
    first = dict(made.buckets()[0])
    made.widen(new)
    widened = dict(made.buckets()[0])
    for value in after:
        made.observe(value)
    last = dict(made.buckets()[0])
    assert {bound: widened[bound] for bound in first} == first, "no bucket that was there changes"
    assert list(widened.values()) == sorted(widened.values())
    assert {bound: last[bound] - widened[bound] for bound in last} == cumulative(old | new, after)
