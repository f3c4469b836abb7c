"""What windows remember is what a list of all answers would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidegate.plan.scaling.windows import Remembered, largest, least


def test_the_example() -> None:
    kept: Remembered = ()
    for now, replicas in ((0.0, 5), (100.0, 3), (200.0, 4)):
        kept, high = largest(kept, now, replicas, 300.0)
    assert ([one.replicas for one in kept], high) == ([5, 4], 5)
    assert largest(kept, 301.0, 1, 300.0)[1] == 4


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), min_size=1, max_size=80), st.integers(0, 200))
def test_against_a_list_of_all(steps: list[tuple[int, int]], window: int) -> None:
    now, high, low = 0.0, (), ()  # type: float, Remembered, Remembered
    answers: list[tuple[float, int]] = []
    for wait, replicas in steps:
        now += wait
        answers.append((now, replicas))
        high, most = largest(high, now, replicas, float(window))
        low, fewest = least(low, now, replicas, float(window))
        recent = [answer for at, answer in answers if now - at < window] or [replicas]
        assert (most, fewest) == (max(recent), min(recent))
        assert len(high) <= 10
