"""What of a body must be the same, and which bodies have no question."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.cache.semantic.namespace import Question, question

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "How do I cancel?"}
ANSWER = {"role": "assistant", "content": "Which order?"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "none"}
IMAGE = {
    "role": "user",
    "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "x"}}],
}
PARTS = {"role": "user", "content": [{"type": "text", "text": "How do"}, {"type": "text", "text": "I cancel?"}]}

Conversations = Literal["SingleTurn", "SameHistory"]


def of(
    *messages: Any, scope: bytes = b"scope", conversations: Conversations = "SingleTurn", **fields: Any
) -> Question | None:
    return question({"model": "chat", "messages": list(messages), **fields}, scope, conversations, ("stream",))


def test_the_order_of_a_schema_counts() -> None:
    one, other = ({"properties": dict.fromkeys(names, "string")} for names in ("ab", "ba"))
    assert of(USER, response_format=one) != of(USER, response_format=other)
    assert of(USER, seed=1, top_p=1) == of(USER, top_p=1, seed=1)


@pytest.mark.parametrize(
    ("messages", "single", "same"),
    [
        ((USER,), True, True),
        ((SYSTEM, USER), True, True),
        (({**SYSTEM, "role": "developer"}, USER), True, True),
        ((SYSTEM, USER, ANSWER, USER), False, True),
        ((USER, USER), False, True),
        ((USER, CALL, RESULT, USER), False, False),
        ((SYSTEM, USER, ANSWER), False, False),
        ((IMAGE,), False, False),
        ((IMAGE, ANSWER, USER), False, False),
        (({**SYSTEM, "content": IMAGE["content"]}, USER), False, False),
        (({"role": "user", "content": " "},), False, False),
        (({"role": "user"},), False, False),
        ((PARTS,), True, True),
        (("hello",), False, False),
        (({"role": ["user"], "content": "x"}, USER), False, False),
        ((), False, False),
    ],
)
def test_who_asks_what(messages: tuple[Any, ...], single: bool, same: bool) -> None:
    assert (of(*messages) is not None) == single
    assert (of(*messages, conversations="SameHistory") is not None) == same


def test_a_body_without_messages_has_no_question() -> None:
    assert question({"prompt": "x"}, b"", "SingleTurn") is None
    assert question({"messages": "x"}, b"", "SingleTurn") is None


def test_the_text_is_the_users_alone() -> None:
    asked = of(SYSTEM, USER)
    assert asked is not None
    assert asked.text == "How do I cancel?"
    assert len(asked.namespace) == 16
    parts = of(PARTS)
    assert parts is not None
    assert parts.text == "How do\nI cancel?"


def test_other_words_are_asked_in_the_same_namespace() -> None:
    one, other = of(SYSTEM, USER), of(SYSTEM, {"role": "user", "content": "Can I cancel?"}, stream=True)
    assert one is not None
    assert other is not None
    assert one.namespace == other.namespace


@pytest.mark.parametrize(
    "changed",
    [
        of({**SYSTEM, "content": "Be long."}, USER),
        of(USER),
        of(SYSTEM, {**USER, "name": "Ann"}),
        of({**SYSTEM, "role": "developer"}, USER),
        of(SYSTEM, USER, temperature=0.1),
        of(SYSTEM, USER, tools=[]),
        of(SYSTEM, USER, response_format={"type": "json_object"}),
        of(SYSTEM, USER, model="other"),
        of(SYSTEM, USER, scope=b"another"),
        of(SYSTEM, USER, ANSWER, USER, conversations="SameHistory"),
    ],
)
def test_whatever_else_changes_changes_the_namespace(changed: Question | None) -> None:
    plain = of(SYSTEM, USER)
    assert plain is not None
    assert changed is not None
    assert changed.namespace != plain.namespace


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda e: st.lists(e) | st.dictionaries(st.text(), e),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.dictionaries(st.text(), json_values, max_size=4))
def test_one_namespace_is_one_body(one: dict[str, Any], other: dict[str, Any]) -> None:
    found = [question({**each, "messages": [USER]}, b"", "SingleTurn") for each in (one, other)]
    assert all(found)
    same = {**one, "messages": 0} == {**other, "messages": 0} and repr(sorted(one.items(), key=str)) == repr(
        sorted(other.items(), key=str)
    )
    assert not same or found[0] == found[1]
    assert found[0] != found[1] or {**one, "messages": 0} == {**other, "messages": 0}
