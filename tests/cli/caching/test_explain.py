"""Whether an answer to a request is kept, and of what its key is made: each row of the table."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.brain.cache import bypass
from tidegate.cli.caching.explain import REASONS, CannotTell, Explained, Written, explained
from tidegate.cli.caching.seen import Policy
from tidegate.contract.cache import Cache, Exact, Memory, Semantic, TtlRule
from tidegate.contract.destinations import Destination, Engine
from tidegate.contract.patience import Retry, Timeouts
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route, Target

CHAT = "/v1/chat/completions"
SHARED = Cache(
    name="shared",
    sharing="Client",
    version="3",
    max_temperature=1.0,
    max_answer_bytes=1024,
    memory=Memory(max_entries=1, max_bytes=1, ttl_seconds=300.0),
    exact=Exact(ttl_seconds=86400.0, max_bytes=1),
    semantic=Semantic(threshold=0.95, guards=(), conversations="SingleTurn", ttl_seconds=3600.0, max_entries=1),
    ttl_rules=(TtlRule(headers=(("x-class", "news"),), ttl_seconds=60.0),),
)


def policy(cache: Cache | None = SHARED, condition: str = "") -> Policy:
    """With a route `main` for the model chat, which has the cache, and one for `plain`, which has none."""
    engine = Engine(service="qwen-r1", port=8000, model="qwen")
    targets = (Target(destination="small.r1", weight=1),)
    config = RouterConfig(
        namespace="shop",
        policy="chat",
        load_balancing="LeastRequest",
        destinations=(Destination(name="small.r1", backend="small", revision="r1", engine=engine),),
        routes=(
            Route(name="main", models=("chat",), targets=targets, cache=cache.name if cache else None),
            Route(name="other", models=("plain",), targets=targets),
        ),
        retry=Retry(attempts=0, codes=(), reasons=(), backoff_seconds=1.0),
        timeouts=Timeouts(request_seconds=1.0, idle_seconds=1.0),
        caches=(cache,) if cache else None,
    )
    return Policy("chat", "shop", config, condition)


def said(
    found: Policy | None = None, model: str = "chat", path: str = CHAT, client: str = "a", **more: Any
) -> Explained:
    """Of a question with these members besides; `headers` are of the command line."""
    written = Written(model, "hi", "", path, client, more.pop("headers", ()))
    return explained(found or policy(), written.body(None) | more, written)


def test_what_is_kept_is_shown_part_by_part() -> None:
    found = said(temperature=0.5, stream=True, user="u")
    assert found.kept
    assert "\n".join(found.lines) == (
        "rpol/chat: chat takes route main, CacheTier shared: an answer to it is kept\n"
        "  policy       shop/chat\n"
        "  client       a\n"
        "  model        chat\n"
        "  path         /v1/chat/completions\n"
        "  version      3\n"
        "  answered by  small.r1\n"
        "  body         messages, temperature\n"
        "  left out     stream, user: no answer depends on it\n"
        "  layers       memory for 300 s; exact for 86400 s; semantic for 3600 s, from a cosine of 0.95 on"
    )


def test_a_rule_that_fits_says_for_how_long() -> None:
    assert said(headers=("X-Class=news",)).lines[-1].startswith("  layers       memory for 60 s; exact for 60 s")


def test_shared_by_all_needs_no_client() -> None:
    found = said(policy(SHARED.model_copy(update={"sharing": "Policy"})), client="")
    assert found.kept
    assert "  client       all clients of the policy share" in found.lines


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"path": "/v1/score"}, "answers of /v1/score are not kept; those of /v1/chat/completions"),
        ({"client": ""}, "write --client"),
        ({"temperature": 1.5}, "its temperature is above maxTemperature, which is 1"),
        ({"n": 2}, "more than one answer"),
        ({"logprobs": True}, "probabilities"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "results of tools"),
        ({"web_search_options": {}}, "a search of the web"),
        ({"messages": [{"role": "user", "content": "x" * 300_000}]}, "longer than 256 KiB"),
        ({"model": "plain"}, "takes route other: the route has no cache"),
    ],
)
def test_why_an_engine_is_asked_each_time(more: dict[str, Any], why: str) -> None:
    found = said(**more)
    assert not found.kept
    assert why in found.lines[0]


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("/v1/messages", "messages"),
        ("/v1/responses", "input"),
        ("/v1/completions", "prompt"),
        ("/v1/embeddings", "input"),
    ],
)
def test_a_prompt_is_written_as_its_api_has_it(path: str, counts: str) -> None:
    found = said(path=path, metadata={"user_id": "u"})
    assert found.kept
    assert f"  path         {path}" in found.lines
    assert f"  body         {counts}" in found.lines
    assert "  left out     metadata: no answer depends on it" in found.lines


def test_headers_that_count_are_shown_where_they_do() -> None:
    headers = ("Anthropic-Beta=context-1m", "x-class=news")
    assert "  headers      anthropic-beta: context-1m" in said(path="/v1/messages", headers=headers).lines
    assert not any("headers" in line for line in said(headers=headers).lines)


def test_a_query_that_counts_is_shown() -> None:
    lines = said(path="/v1/messages?beta=true", headers=("anthropic-beta=context-1m",)).lines
    assert {"  path         /v1/messages", "  query        beta=true", "  headers      anthropic-beta: context-1m"} <= {
        *lines
    }
    assert "those of /v1/chat/completions" in said(path="/v1/messages?beta=1").lines[0]


@pytest.mark.parametrize(
    ("path", "more", "why"),
    [
        ("/v1/responses", {"previous_response_id": "resp_1"}, "what stands elsewhere"),
        ("/v1/responses", {"input": [{"type": "function_call_output"}]}, "results of tools"),
        ("/v1/messages", {"tools": [{"type": "web_search_20250305"}]}, "a search of the web"),
        ("/v1/messages", {"messages": {}}, "of another type"),
    ],
)
def test_why_an_engine_is_asked_each_time_in_other_apis(path: str, more: dict[str, Any], why: str) -> None:
    found = said(path=path, **more)
    assert not found.kept
    assert why in found.lines[0]


def test_every_reason_has_words() -> None:
    table = (bypass.__doc__ or "").split("-------------\n", 1)[1].partition("\n\n")[0]
    rows = [row[73:] for row in table.splitlines() if row[73:]]
    assert set(rows[2:8]) == REASONS.keys(), "the first two are said before"


def test_the_condition_says_why_there_is_no_cache() -> None:
    assert "CacheTier 'shared' does not exist" in said(policy(None, "CacheTier 'shared' does not exist")).lines[0]
    assert said(policy(condition="the store is away")).lines[-1] == "  but          the store is away"


@pytest.mark.parametrize(
    ("written", "text", "says"),
    [
        (Written("chat", "", "", CHAT, "", ()), None, "write one of --prompt and --filename"),
        (Written("chat", "hi", "f", CHAT, "", ()), "{}", "write one of --prompt and --filename"),
        (Written("chat", "", "f", CHAT, "", ()), "[]", "f: a body is a JSON object"),
        (Written("", "", "f", CHAT, "", ()), "{}", "write --model"),
    ],
)
def test_a_command_line_that_says_too_little(written: Written, text: str | None, says: str) -> None:
    with pytest.raises(CannotTell, match=says):
        written.body(text)


def test_headers_and_models_that_cannot_be() -> None:
    with pytest.raises(CannotTell, match="write NAME=VALUE"):
        said(headers=("x-class",))
    with pytest.raises(CannotTell, match="no route of rpol/chat has the model x; there are chat, plain"):
        said(model="x")
