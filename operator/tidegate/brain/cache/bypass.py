"""Which requests get no answer that is kept: each is asked of an engine. The first row that fits:

the request                                                              reason
----------------------------------------------------------------------   -------------
another path or query than those of key.py                               path
a body that is no JSON object, too long, or names a member twice         body
what these rows look at of another type: some read "2" as 2              body
a `temperature` above the cache's bound (1 where it says none)           temperature
more than one answer (`n`, `best_of`, beams)                             choices
probabilities of tokens, or tokens' numbers                              logprobs
results of tools, whose world may have changed                           tool-results
pictures and files that stand elsewhere (pointing.py)                    live
sound, a search of the web, a tool that is none of the client's own,     live
or a part of another engine's work; of Messages and Responses also
what stands elsewhere (an earlier response, a conversation, a
template, a container) or is done later (`background`)

Thoughts (`thinking`, `reasoning`) are a part of an answer as its words are: they are kept, and how much of them is asked for counts for the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tidegate.brain.cache.entry import Kind
from tidegate.brain.cache.key import Body
from tidegate.brain.cache.pointing import points_elsewhere
from tidegate.brain.cache.turns import TURNS

NUMBERS: Final = ("temperature", "n", "best_of")
LOGPROBS: Final = ("logprobs", "prompt_logprobs", "return_token_ids")
INCLUDED_LOGPROBS: Final = "message.output_text.logprobs"
DEFAULT_TEMPERATURE: Final = 1.0
"""Of all these APIs: https://docs.anthropic.com/en/api/messages#body-temperature has the same as OpenAI's."""
LIVE: Final = ("web_search_options", "kv_transfer_params", "ec_transfer_params")
ELSEWHERE: Final[Mapping[Kind, tuple[str, ...]]] = {
    "messages": ("container", "mcp_servers"),
    "responses": ("background", "previous_response_id", "conversation", "prompt"),
}
"""Members by which an answer depends on what is not in the request, or comes later."""
OWN_TOOLS: Final = (None, "function", "custom")
"""Types of tools that the client itself runs; the API runs or names all others."""
WORDS: Final = frozenset({None, "message", "reasoning", "function_call", "custom_tool_call", "compaction"})
"""Types of a response's input that are said, and no result of a tool."""
REFERENCES: Final = frozenset({"item_reference", "mcp_approval_response"})


def why_not(kind: Kind, body: Body, max_temperature: float) -> str:
    """The table from its third row on; empty for a request that may get an answer that is kept."""
    if kind == "embedding":
        return ""
    rows: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("body", lambda: _is_odd(kind, body)),
        ("temperature", lambda: _number(body, "temperature", DEFAULT_TEMPERATURE) > max_temperature),
        (
            "choices",
            lambda: max(_number(body, "n", 1), _number(body, "best_of", 1)) > 1 or _said(body, "use_beam_search"),
        ),
        ("logprobs", lambda: _asks_logprobs(kind, body)),
        ("tool-results", lambda: any(_has_results(kind, turn) for turn in _list(body, TURNS[kind]))),
        ("live", lambda: _is_live(kind, body) or points_elsewhere(_list(body, TURNS[kind]))),
    )
    return next((reason for reason, fits in rows if fits()), "")


def _is_odd(kind: Kind, body: Body) -> bool:
    if not _is(body.get("stream"), bool) or not all(_is(body.get(name), int, float) for name in NUMBERS):
        return True
    if kind not in ELSEWHERE:
        return False
    said, tools = body.get(TURNS[kind]), body.get("tools")
    known = _are_turns(said) or (kind == "responses" and isinstance(said, str))
    return not (known and (tools is None or _are_objects(tools)) and _is(body.get("include"), list))


def _are_turns(turns: Any) -> bool:
    said = (turn.get("content") for turn in turns) if _are_objects(turns) else (0,)
    return all(content is None or isinstance(content, str) or _are_objects(content) for content in said)


def _are_objects(value: Any) -> bool:
    """Of types that are words, where they say one."""
    return isinstance(value, list) and all(isinstance(each, dict) and _is(each.get("type"), str) for each in value)


def _asks_logprobs(kind: Kind, body: Body) -> bool:
    """Of Responses 0 is none; of chat it asks for that of the token itself."""
    if kind == "responses" and (_said(body, "top_logprobs") or INCLUDED_LOGPROBS in _list(body, "include")):
        return True
    names = LOGPROBS if kind == "responses" else (*LOGPROBS, "top_logprobs")
    return not all(body.get(name) is None or body[name] is False for name in names)


def _has_results(kind: Kind, turn: Any) -> bool:
    """Of a tool."""
    if isinstance(turn, dict) and turn.get("role") in ("tool", "function"):
        return True
    if kind == "responses":
        return turn.get("type") not in WORDS | REFERENCES
    return kind == "messages" and any(
        str(block.get("type")).endswith("tool_result") for block in _list(turn, "content")
    )


def _is_live(kind: Kind, body: Body) -> bool:
    if "audio" in _list(body, "modalities") or _said(body, *LIVE) or not all(map(_is_own, _list(body, "tools"))):
        return True
    return kind in ELSEWHERE and (
        _said(body, *ELSEWHERE[kind])
        or (kind == "responses" and any(turn.get("type") in REFERENCES for turn in _list(body, TURNS[kind])))
    )


def _is_own(tool: Any) -> bool:
    """A tool; of chat it may be of any shape."""
    return not isinstance(tool, dict) or tool.get("type") in OWN_TOOLS


def _is(value: Any, *types: type) -> bool:
    """Or absent. No bool is a number here."""
    return value is None or type(value) in types


def _number(body: Body, name: str, otherwise: float) -> float:
    value: float | None = body.get(name)
    return otherwise if value is None else value


def _said(body: Body, *names: str) -> bool:
    """An empty object is said, too: `web_search_options: {}` asks for a search."""
    return any(body.get(name) not in (None, False, 0) for name in names)


def _list(body: Body, name: str) -> list[Any]:
    value = body.get(name)
    return value if isinstance(value, list) else []
