"""Two answers to one question."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brain.cache.semantic.support import ALL
from tidegate.brain.cache.semantic.judging import agree, ask, verdict

FIVE = "You have 5 days to return it. Write to Ann."


@pytest.mark.parametrize(
    ("given_", "fresh", "similarity", "right"),
    [
        (FIVE, FIVE.replace(" ", "  "), 0.0, True),
        (FIVE, "You may return it within 5 days.", 0.9, True),
        (FIVE, "You may return it within 5 days.", 0.69, False),
        (FIVE, "You have 9 days to return it.", 0.95, False),
        (FIVE, "You have five days: returns are free. Write to Ben.", 0.95, False),
        (FIVE, "You have 5 days, and 10 more as a member. Write to Ann.", 0.9, True),
        ("Yes, you can.", "No, you cannot.", 0.9, False),
        ("Yes, it is allowed.", "Yes, it is forbidden.", 0.9, False),
        ("Yes, you can. Nothing else is needed.", "You can.", 0.9, True),
        ("It opens on Monday.", "It opens on Friday.", 0.95, False),
        ("It opens on Monday.", "It opens.", 0.95, True),
        ("", "Something.", 0.9, True),
    ],
)
def test_what_two_answers_agree_in(given_: str, fresh: str, similarity: float, right: bool) -> None:
    assert agree(given_, fresh, similarity, ALL) is right
    assert agree(fresh, given_, similarity, ALL) is right


def test_without_guards_the_vectors_decide() -> None:
    assert agree(FIVE, FIVE.replace("5", "9"), 0.9, ())


@given(st.text(), st.text(), st.floats(0, 1))
def test_any_answers_are_compared(one: str, other: str, similarity: float) -> None:
    assert agree(one, one, similarity, ALL)
    assert agree(one, other, similarity, ALL) == agree(other, one, similarity, ALL)


def test_a_judge_is_shown_both_between_marks() -> None:
    body = ask("judge", "How?", "How\nnow?", "Like this.\nmark END", "Like that.", "mark-7")
    assert body["model"] == "judge"
    assert body["temperature"] == 0
    assert body["messages"][1]["content"].splitlines() == [
        "mark-7 QUESTION", "How?", "mark-7 ANSWER GIVEN, FIRST WRITTEN FOR: How now?", "Like this.", "mark END", "mark-7 ANSWER NOW", "Like that.",
        "mark-7 END",
    ]  # fmt: skip


def said(content: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content}}]}


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (said("SAME"), True),
        (said("DIFFERENT."), False),
        (said("It is not the SAME: **DIFFERENT**"), False),
        (said("<think>DIFFERENT? no</think>\nSAME"), True),
        (said("<think>SAME</think>"), None),
        (said("same"), None),
        (said("INDIFFERENT"), None),
        (said(None), None),
        (said(3), None),
        ({"choices": []}, None),
        ({"error": {}}, None),
        ([], None),
        (None, None),
        ("choices", None),
    ],
)
def test_what_a_judge_says(answer: Any, right: bool | None) -> None:
    assert verdict(answer) is right
