"""Anthropic's Python library against a router: what its users get, and which of its errors they catch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.envoy.waiting import until
from tests.sdks.conftest import HASTY, KEY, PATIENCE, POOR, WINDOW, Router

anthropic = pytest.importorskip("anthropic")
pytestmark = pytest.mark.envoy
Client = Callable[..., Any]
HELLO: Final = [{"role": "user", "content": "Hello."}]
TOOLS: Final = [{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]


@pytest.fixture
def client(router: Router) -> Iterator[Client]:
    """Makes clients; they are closed with the test."""
    made: list[Any] = []

    def make(key: str = KEY, retries: int = 0, **more: Any) -> Any:
        made.append(anthropic.Anthropic(base_url=router.url, api_key=key, max_retries=retries, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def _ask(client: Any, model: str = "chat", **more: Any) -> Any:
    return client.messages.create(**{"model": model, "messages": HELLO, "max_tokens": 4, **more})


def test_messages(client: Client) -> None:
    said = _ask(client())
    assert said.content[0].text
    assert (said.stop_reason, said.usage.output_tokens) == ("max_tokens", 4)


def test_messages_streamed(client: Client) -> None:
    with client().messages.stream(model="chat", messages=HELLO, max_tokens=4) as stream:
        assert "".join(stream.text_stream)
        said = stream.get_final_message()
    assert (said.stop_reason, said.usage.output_tokens) == ("max_tokens", 4)


def test_a_key_as_a_bearer(client: Client, router: Router) -> None:
    with anthropic.Anthropic(base_url=router.url, auth_token=KEY, max_retries=0) as bearer:
        assert _ask(bearer).content


def test_tools(client: Client) -> None:
    [block] = _ask(client(), "calls", tools=TOOLS).content
    assert (block.type, block.name, block.input) == ("tool_use", "weather", {"city": "Oslo"})


def test_tools_streamed(client: Client) -> None:
    with client().messages.stream(model="calls", messages=HELLO, max_tokens=4, tools=TOOLS) as stream:
        said = stream.get_final_message()
    assert (said.content[0].name, said.content[0].input) == ("weather", {"city": "Oslo"})
    assert said.stop_reason == "tool_use"


def test_models(client: Client) -> None:
    assert {"chat", "embed", "moved"} <= {model.id for model in client().models.list()}


def test_a_wrong_key(client: Client) -> None:
    with pytest.raises(anthropic.AuthenticationError) as caught:
        _ask(client("sk-nobody"))
    assert caught.value.status_code == 401
    assert caught.value.body["error"]["type"] == "authentication_error"
    assert caught.value.request_id
    assert "sk-nobody" not in str(caught.value)


def test_an_unknown_model(client: Client) -> None:
    with pytest.raises(anthropic.NotFoundError, match="The model does not exist") as caught:
        _ask(client(), "other")
    assert caught.value.body["error"]["type"] == "not_found_error"


def test_a_request_that_the_engine_refuses(client: Client) -> None:
    with pytest.raises(anthropic.BadRequestError, match="max_model_len"):
        _ask(client(), max_tokens=4096)


def test_a_limit_of_requests(client: Client) -> None:
    hasty = client(HASTY)
    _ask(hasty.with_options(max_retries=3))
    with pytest.raises(anthropic.RateLimitError, match="Limit rate is reached") as caught:
        _ask(hasty)
    assert caught.value.body["error"]["type"] == "rate_limit_error"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= WINDOW + 1


def test_the_library_comes_again_when_it_was_told_to(client: Client) -> None:
    hasty, begin = client(HASTY, retries=2), time.monotonic()
    for _ in range(2):
        assert _ask(hasty).content
    assert time.monotonic() - begin >= 1


def test_a_request_larger_than_a_limit_is_not_tried_again(client: Client) -> None:
    begin = time.monotonic()
    with pytest.raises(anthropic.RateLimitError, match="ask for a smaller max_tokens"):
        _ask(client(POOR, retries=5), max_tokens=100)
    assert time.monotonic() - begin < 10, "it would wait for more than ten seconds between its five"


def test_the_next_backend_answers(client: Client) -> None:
    raw = client().messages.with_raw_response.create(model="moved", messages=HELLO, max_tokens=2)
    assert raw.headers["x-tidegate-backend"] == "chat"
    assert raw.parse().content


def test_an_engine_s_500(client: Client, router: Router) -> None:
    before = router.engines["fails"].asked
    with pytest.raises(anthropic.InternalServerError, match="CUDA error") as caught:
        _ask(client(retries=1), "fails")
    assert caught.value.status_code == 500
    assert router.engines["fails"].asked == before + 2


def test_the_policy_s_patience_is_over(client: Client) -> None:
    with pytest.raises(anthropic.APIStatusError, match="longer than the policy") as caught:
        _ask(client(), "hangs")
    assert (caught.value.status_code, caught.value.body["error"]["type"]) == (504, "timeout_error")


def test_the_client_s_own_patience_is_over(client: Client) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        _ask(client(timeout=0.3), "hangs")


def test_a_stream_that_breaks_off(client: Client) -> None:
    said = []
    with (
        pytest.raises(anthropic.APIStatusError, match="broke off") as caught,
        client().messages.stream(model="breaks-off", messages=HELLO, max_tokens=4) as stream,
    ):
        said += stream.text_stream
    assert caught.value.body["error"]["type"] == "api_error"


def test_a_client_that_leaves(client: Client, router: Router) -> None:
    left = router.engines["goes-on"].left
    left.clear()
    with client().messages.stream(model="goes-on", messages=HELLO, max_tokens=4) as stream:
        assert next(iter(stream.text_stream)) == "word "
    until(left.is_set, PATIENCE / 2)
