"""Every row of the table in policies.py."""

from __future__ import annotations

import pytest

from tidegate.plan.scaling.policies import Change, Direction, Policy, highest, lowest

PODS, PERCENT = Policy("Pods", 4, 15.0), Policy("Percent", 100, 15.0)
TENTH = Policy("Percent", 10, 60.0)


@pytest.mark.parametrize(
    ("replicas", "changes", "up", "limit"),
    [
        (2, [], Direction(), None),
        (2, [], Direction(select="Disabled"), 2),
        (2, [], Direction(policies=(PODS,)), 6),
        (3, [], Direction(policies=(PERCENT,)), 6),
        (3, [], Direction(policies=(TENTH,)), 4),  # rounded up
        (10, [], Direction(policies=(TENTH,)), 11),
        (2, [], Direction(policies=(PODS, PERCENT)), 6),
        (8, [], Direction(policies=(PODS, PERCENT)), 16),
        (8, [], Direction(policies=(PODS, PERCENT), select="Min"), 12),
        # what was added in the period counts, what is older does not
        (6, [(90.0, 4)], Direction(policies=(PODS,)), 6),
        (5, [(90.0, 3)], Direction(policies=(PODS,)), 6),
        (6, [(84.0, 4)], Direction(policies=(PODS,)), 10),
        # what was taken away is given back
        (4, [(95.0, -2)], Direction(policies=(PODS,)), 10),
        # never below what there is
        (9, [(95.0, 8)], Direction(policies=(PODS,)), 9),
    ],
)
def test_up(replicas: int, changes: list[Change], up: Direction, limit: int | None) -> None:
    assert highest(replicas, changes, up, 100.0) == limit


@pytest.mark.parametrize(
    ("replicas", "changes", "down", "limit"),
    [
        (5, [], Direction(), 0),
        (5, [], Direction(select="Disabled"), 5),
        (5, [], Direction(policies=(Policy("Pods", 1, 60.0),)), 4),
        (5, [], Direction(policies=(TENTH,)), 4),  # rounded down
        (20, [], Direction(policies=(TENTH,)), 18),
        (20, [], Direction(policies=(TENTH, Policy("Pods", 4, 60.0))), 16),
        (20, [], Direction(policies=(TENTH, Policy("Pods", 4, 60.0)), select="Min"), 18),
        (4, [(60.0, -1)], Direction(policies=(Policy("Pods", 1, 60.0),)), 4),
        (4, [(40.0, -1)], Direction(policies=(Policy("Pods", 1, 60.0),)), 3),
        (2, [], Direction(policies=(Policy("Pods", 4, 60.0),)), 0),
        # never above what there is
        (3, [(95.0, -3)], Direction(policies=(Policy("Pods", 1, 60.0),)), 3),
    ],
)
def test_down(replicas: int, changes: list[Change], down: Direction, limit: int) -> None:
    assert lowest(replicas, changes, down, 100.0) == limit
