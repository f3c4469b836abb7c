"""The same of Messages and Responses: what of a body must be the same, and which bodies have no question."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.brain.cache.semantic.test_namespace import ANSWER, PARTS, USER
from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.key import ignored
from tidegate.brain.cache.semantic.namespace import Question, question
from tidegate.brain.cache.turns import TURNS

Conversations = Literal["SingleTurn", "SameHistory"]
TOOL_USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}
THOUGHT = {"role": "assistant", "content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "Which?"}]}
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "How do I cancel?"}]}
SPOKEN = {
    "type": "message",
    "role": "assistant",
    "id": "msg_1",
    "content": [{"type": "output_text", "text": "Which order?"}],
}
CALL = {"type": "function_call", "name": "f", "arguments": "{}"}


def of(kind: Kind, said: Any, conversations: Conversations = "SingleTurn", **more: Any) -> Question | None:
    return question({TURNS[kind]: said, **more}, b"scope", conversations, ignored(kind), kind)


@pytest.mark.parametrize(
    ("kind", "said", "single", "same"),
    [
        ("messages", [USER], True, True),
        ("messages", [PARTS], True, True),
        ("messages", [USER, ANSWER, USER], False, True),
        ("messages", [USER, ANSWER], False, False),
        ("messages", [USER, TOOL_USE, USER], False, False),
        ("messages", [USER, THOUGHT, USER], False, False),
        ("messages", [{"role": "user", "content": [{"type": "image"}]}], False, False),
        ("messages", "How do I cancel?", False, False),
        ("responses", "How do I cancel?", True, True),
        ("responses", " ", False, False),
        ("responses", [USER], True, True),
        ("responses", [ITEM], True, True),
        ("responses", [{"role": "developer", "content": "Be brief."}, ITEM], True, True),
        ("responses", [ITEM, SPOKEN, ITEM], False, True),
        ("responses", [ITEM, SPOKEN], False, False),
        ("responses", [ITEM, CALL, ITEM], False, False),
        ("responses", [ITEM, {"type": "reasoning", "summary": []}, ITEM], False, False),
        ("responses", [{**ITEM, "content": [{"type": "input_image", "image_url": "x"}]}], False, False),
        ("responses", [{**ITEM, "type": None}], False, False),
        ("responses", [], False, False),
        ("responses", None, False, False),
    ],
)
def test_who_asks_what(kind: Kind, said: Any, single: bool, same: bool) -> None:
    assert (of(kind, said) is not None) == single
    assert (of(kind, said, "SameHistory") is not None) == same


def test_a_history_of_vllm_s_own_is_no_single_turn() -> None:
    assert of("responses", "How do I cancel?", previous_input_messages=[{"author": "user"}]) is None


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("messages", [USER], [{"role": "user", "content": "Can I cancel?"}]),
        ("responses", "How do I cancel?", "Can I cancel?"),
        ("responses", [ITEM], [{**ITEM, "content": "Can I cancel?"}]),
    ],
)
def test_other_words_are_asked_in_the_same_namespace(kind: Kind, one: Any, other: Any) -> None:
    first, second = (
        of(kind, one, system="Be brief."),
        of(kind, other, system="Be brief.", metadata={"user_id": "x"}, stream=True),
    )
    assert first
    assert second
    assert (first.text, second.text) == ("How do I cancel?", "Can I cancel?")
    assert first.namespace == second.namespace


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("messages", {"system": "Be brief."}),
        ("messages", {"max_tokens": 5}),
        ("messages", {"tools": []}),
        ("messages", {"thinking": {"type": "adaptive"}}),
        ("responses", {"instructions": "Be brief."}),
        ("responses", {"max_output_tokens": 5}),
        ("responses", {"store": False}),
        ("responses", {"reasoning": {"effort": "low"}}),
    ],
)
def test_whatever_else_changes_changes_the_namespace(kind: Kind, more: dict[str, Any]) -> None:
    plain, other = of(kind, [USER]), of(kind, [USER], **more)
    assert plain
    assert other
    assert plain.namespace != other.namespace


@pytest.mark.parametrize(("kind", "type_"), [("messages", "text"), ("responses", "input_text"), ("chat", "text")])
def test_what_a_part_says_beside_its_text_must_be_the_same(kind: Kind, type_: str) -> None:
    def asks(*parts: dict[str, Any]) -> Question | None:
        return of(kind, [{"role": "user", "content": [{"type": type_, **part} for part in parts]}])

    plain, other = asks({"text": "How do I cancel?"}), asks({"text": "How do I stop?"})
    new, newer = (asks({"text": "How do I cancel?", "whatever_comes_next": each}) for each in (1, 2))
    assert plain
    assert other
    assert new
    assert newer
    assert plain.namespace == other.namespace
    assert len({plain.namespace, new.namespace, newer.namespace}) == 3
    assert asks({"text": "How"}, {"text": "do I?"}) == Question(plain.namespace, "How\ndo I?")
