"""What an answer says of its tokens, and how one that is given again says that nothing was worked for now: as providers say it of their
own caches, all of the prompt was cached.

API                                  prompt                          completion          cached
----------------------------------   -----------------------------   -----------------   -----------------------------------
chat, completions, embeddings        prompt_tokens                   completion_tokens   prompt_tokens_details.cached_tokens
responses                            input_tokens                    output_tokens       input_tokens_details.cached_tokens
messages                             input_tokens, and those that    output_tokens       cache_read_input_tokens, which are
                                     were written to a cache or                          none of input_tokens
                                     read from it
"""

from __future__ import annotations

from typing import Any, Final

from tidegate.brain.cache.apis.streams import Answer
from tidegate.brain.cache.entry import Kind

READ: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""Of Anthropic's API: together they are the prompt."""
MOST: Final = 1 << 53
"""Tokens; a number beyond that counts nothing, and neither metrics nor stores have room for it."""


def tokens(kind: Kind, answer: Answer) -> tuple[int, int]:
    """Of the prompt and of what was written; 0 where it does not say."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return 0, 0
    if kind == "messages":
        return sum(_number(usage, name) for name in READ), _number(usage, "output_tokens")
    prompt, completion = _names(kind)
    return _number(usage, prompt), _number(usage, completion)


def cached(kind: Kind, answer: Answer) -> Answer:
    """The answer, whose usage says so."""
    usage = answer.get("usage")
    prompt, _ = tokens(kind, answer)
    if not isinstance(usage, dict) or not prompt:
        return answer
    if kind == "messages":
        return {**answer, "usage": {**usage, **_of_messages(usage, prompt)}}
    details = f"{_names(kind)[0]}_details"
    known = usage[details] if isinstance(usage.get(details), dict) else {}
    return {**answer, "usage": {**usage, details: {**known, "cached_tokens": prompt}}}


def _of_messages(usage: dict[str, Any], prompt: int) -> dict[str, Any]:
    """Where writing to a cache is split up (`cache_creation`), nothing of it is said any more."""
    split = {"cache_creation": None} if "cache_creation" in usage else {}
    return {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": prompt, **split}


def _names(kind: Kind) -> tuple[str, str]:
    return ("input_tokens", "output_tokens") if kind == "responses" else ("prompt_tokens", "completion_tokens")


def _number(usage: dict[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if type(value) is int and 0 < value < MOST else 0
