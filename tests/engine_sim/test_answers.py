"""Tokens can be undone, and answers are the same for the same seed, prompt and adapter."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.engine_sim import tokens
from e2e.engine_sim.answers import Answer, Sampling, answer, shown
from e2e.engine_sim.api_pooling import embed


@given(st.text())
def test_tokens_can_be_undone(text: str) -> None:
    assert tokens.decode(tokens.encode(text)) == text


@given(st.text(), st.text())
def test_texts_that_begin_alike_have_tokens_that_begin_alike(start: str, end: str) -> None:
    short, long = tokens.encode(start + "\n"), tokens.encode(start + "\n" + end)
    assert long[: len(short)] == short


def test_a_token_is_a_few_letters() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 20
    assert 3 < len(text) / len(tokens.encode(text)) < 5


def test_chat_prompts_extend_each_other() -> None:
    turns: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
    first = tokens.encode(tokens.chat_prompt(turns))
    reply = answer(first, Sampling(100), seed=0)
    text = "".join(shown(reply))
    turns += [{"role": "assistant", "content": text}, {"role": "user", "content": [{"type": "text", "text": "More"}]}]
    second = tokens.encode(tokens.chat_prompt(turns))
    known = [*first, *reply.tokens[:-1]]
    assert second[: len(known)] == known


PROMPT = tokens.encode("Tell me a story")


def text_of(reply: Answer) -> str:
    return "".join(shown(reply))


def test_answers_repeat() -> None:
    reply = answer(PROMPT, Sampling(500), seed=3)
    assert reply == answer(PROMPT, Sampling(500), seed=3)
    assert 16 <= len(reply.tokens) <= 64
    assert reply.finish_reason == "stop"
    assert text_of(reply).isascii()
    assert text_of(reply)[0].isupper()


def test_what_changes_an_answer() -> None:
    variants = [
        answer(PROMPT, Sampling(500), seed=3),
        answer(PROMPT, Sampling(500), seed=4),
        answer(PROMPT, Sampling(500, seed=1), seed=3),
        answer(PROMPT, Sampling(500), seed=3, index=1),
        answer(PROMPT, Sampling(500), seed=3, adapter="french"),
        answer(PROMPT[1:], Sampling(500), seed=3),
    ]
    assert len({text_of(reply) for reply in variants}) == len(variants)


@pytest.mark.parametrize("limit", [1, 2, 15])
def test_short_limits_cut(limit: int) -> None:
    reply = answer(PROMPT, Sampling(limit), seed=3)
    assert (len(reply.tokens), reply.finish_reason) == (limit, "length")
    assert text_of(answer(PROMPT, Sampling(500), seed=3)).startswith(text_of(reply))


def test_more_than_natural() -> None:
    assert len(answer(PROMPT, Sampling(500, ignore_eos=True), seed=3).tokens) == 500
    long = answer(PROMPT, Sampling(500, min_tokens=100), seed=3)
    assert (len(long.tokens), long.finish_reason) == (101, "stop")
    assert answer(PROMPT, Sampling(100, min_tokens=100), seed=3).finish_reason == "length"


@given(st.integers(0, 1000), st.sampled_from(["e", " the", "an", "er w", "."]))
def test_stop_strings_end_the_text_before_them(seed: int, stop: str) -> None:
    free = answer(PROMPT, Sampling(500), seed=seed)
    stopped = answer(PROMPT, Sampling(500, stop=(stop,)), seed=seed)
    before, found, _ = text_of(free).partition(stop)
    assert text_of(stopped) == before
    assert stopped.stop_reason == (found or None)
    assert len(shown(stopped)) == len(stopped.tokens)


def test_embeddings_of_like_texts_are_near() -> None:
    def similarity(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(embed(one), embed(other), strict=True))

    assert similarity("how do I cook rice", "How do I cook rice?") == pytest.approx(1)
    assert similarity("how do I cook rice", "how do I cook pasta") > 0.6
    assert abs(similarity("how do I cook rice", "stock prices fell sharply")) < 0.4
