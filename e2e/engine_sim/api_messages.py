"""POST /v1/messages, Anthropic's API."""

from e2e.engine_sim.engine import Engine
from e2e.engine_sim.generation import Ask, Choice, Generation, sse
from e2e.engine_sim.requests import Body, json_body, max_tokens_of, target
from e2e.engine_sim.tokens import chat_prompt, encode, text_of
from e2e.engine_sim.wire import Call


def messages(engine: Engine, call: Call) -> None:
    """Answers a Messages request. Refusal where it cannot be."""
    body = json_body(call, "model", "messages", "max_tokens")
    model = target(engine.settings, body)
    max_tokens = max_tokens_of(engine.settings, body, "max_tokens")
    turns = list(body["messages"])
    if system := text_of(body.get("system")):
        turns.insert(0, {"role": "system", "content": system})
    Generation(engine, call, Ask(model, [encode(chat_prompt(turns))], body, max_tokens), MessagesRenderer())


def _stop(choice: Choice) -> Body:
    """`stop_reason` and `stop_sequence` in Anthropic's words."""
    if choice.stop_reason is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": choice.stop_reason}
    return {"stop_reason": "end_turn" if choice.finish_reason == "stop" else "max_tokens", "stop_sequence": None}


def _usage(generation: Generation) -> Body:
    return {"input_tokens": generation.prompt_tokens, "output_tokens": generation.completion_tokens}


def _event(data: Body) -> bytes:
    return sse(data, data["type"])


class MessagesRenderer:
    """Messages, whole or as events."""

    def __init__(self) -> None:
        self._block_open = False

    def begin(self, generation: Generation) -> bytes:
        """The message without content."""
        message: Body = {
            "id": f"chatcmpl-{generation.request_id}",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": generation.ask.target.model,
            "stop_reason": None,
            "stop_sequence": None,
            # The first event counts the prompt only, although a first token is there already.
            "usage": _usage(generation) | {"output_tokens": 0},
        }
        return _event({"type": "message_start", "message": message})

    def token(self, _generation: Generation, _choice: Choice, piece: str) -> bytes:
        """The token's text, if it has any, in the one content block."""
        if not piece:
            return b""
        delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": piece}, "index": 0}
        if self._block_open:
            return _event(delta)
        self._block_open = True
        block = {"type": "text", "text": ""}
        return _event({"type": "content_block_start", "content_block": block, "index": 0}) + _event(delta)

    def end(self, generation: Generation) -> bytes:
        """The end of the block, why the message ends, and its usage."""
        stop = {"type": "content_block_stop", "index": 0}
        delta = {"type": "message_delta", "delta": _stop(generation.choices[0]), "usage": _usage(generation)}
        closing = _event(stop) if self._block_open else b""
        return closing + _event(delta) + _event({"type": "message_stop"})

    def whole(self, generation: Generation) -> Body:
        """The message in one piece, without fields that are null."""
        (choice,) = generation.choices
        message = {
            "id": f"chatcmpl-{generation.request_id}",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": choice.text}],
            "model": generation.ask.target.model,
            **_stop(choice),
            "usage": _usage(generation),
        }
        return {name: value for name, value in message.items() if value is not None}
