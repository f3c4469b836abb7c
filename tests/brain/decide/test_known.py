"""The table, row by row."""

from __future__ import annotations

from tidegate.brain.decide.known import LASTS, Known


def test_what_envoy_runs_is_known_as_long_as_it_does_and_counts_most() -> None:
    known = Known[str]()
    assert (known.all, known.current) == ({}, {})
    known.follow({"a": "runs"}, 0)
    known.expect({"a": "may come"}, 10 * LASTS)
    assert known.all == known.current == {"a": "runs"}


def test_what_may_come_is_known_until_its_time_is_over() -> None:
    known = Known[str]()
    known.follow({}, 0)
    known.expect({"b": "may come"}, 0)
    known.expect({"b": "may come"}, 5)
    for now in range(0, int(LASTS) + 5, 5):
        known.follow({}, now)
        assert known.all == known.current == {"b": "may come"}, now
    known.follow({}, LASTS + 5)
    assert known.all == known.current == {}


def test_what_was_one_of_them_is_known_for_a_while_to_those_who_began_with_it() -> None:
    known = Known[str]()
    known.follow({"ran": "x"}, 0)
    known.expect({"might": "y"}, 1000)
    known.expect({"may": "z"}, 1000)
    for _ in range(3):
        known.follow({"runs": "r"}, 1000)
    assert known.current == {"runs": "r", "may": "z"}
    assert known.all == {**known.current, "ran": "x", "might": "y"}
    known.follow({"runs": "r"}, 999 + LASTS)
    assert known.all == {"runs": "r", "may": "z", "ran": "x", "might": "y"}
    known.follow({"runs": "r"}, 1000 + LASTS)
    assert known.all == {"runs": "r"}


def test_of_several_the_latest_counts() -> None:
    known = Known[str]()
    for each in ("first", "second", "third"):
        known.follow({"a": each}, 0)
    known.follow({}, 0)
    assert known.all == {"a": "third"}
    known.expect({"a": "may come"}, 0)
    assert known.all == {"a": "may come"}
