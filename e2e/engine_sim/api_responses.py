"""POST /v1/responses."""

import secrets
from typing import Any

from e2e.engine_sim.engine import Engine
from e2e.engine_sim.generation import Ask, Choice, Generation, sse
from e2e.engine_sim.requests import Body, json_body, max_tokens_of, target
from e2e.engine_sim.tokens import chat_prompt, encode
from e2e.engine_sim.wire import Call


def responses(engine: Engine, call: Call) -> None:
    """Answers a Responses request. Refusal where it cannot be."""
    body = json_body(call, "input")
    model = target(engine.settings, body)
    max_tokens = max_tokens_of(engine.settings, body, "max_output_tokens")
    prompt = encode(chat_prompt(_turns(body)))
    room = engine.settings.max_model_len - len(prompt)
    renderer = ResponsesRenderer(body, room if max_tokens is None else min(max_tokens, room))
    Generation(engine, call, Ask(model, [prompt], body, max_tokens), renderer)


def _turns(body: Body) -> list[Any]:
    """Instructions and input as a conversation."""
    given = body["input"]
    turns = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
    instructions = body.get("instructions")
    return [{"role": "system", "content": instructions}, *turns] if instructions else turns


def _part(text: str, logprobs: list[Any] | None) -> Body:
    return {"annotations": [], "text": text, "type": "output_text", "logprobs": logprobs}


class ResponsesRenderer:
    """Responses, whole or as numbered events."""

    def __init__(self, body: Body, max_output_tokens: int) -> None:
        self._body = body
        self._max_output_tokens = max_output_tokens
        self._item_id = f"msg_{secrets.token_hex(8)}"
        self._events = 0

    def begin(self, generation: Generation) -> bytes:
        """The response in progress, with one empty item and one empty part."""
        response = self._response(generation, status="in_progress", output=[], usage=None)
        item = self._item("") | {"content": [], "status": "in_progress"}
        part = {"content_index": 0, "item_id": self._item_id, "output_index": 0, "part": _part("", [])}
        return b"".join(
            [
                self._event("response.created", {"response": response}),
                self._event("response.in_progress", {"response": response}),
                self._event("response.output_item.added", {"item": item, "output_index": 0}),
                self._event("response.content_part.added", part),
            ]
        )

    def token(self, _generation: Generation, _choice: Choice, piece: str) -> bytes:
        """The token's text, if it has any."""
        if not piece:
            return b""
        delta = {"content_index": 0, "delta": piece, "item_id": self._item_id, "logprobs": [], "output_index": 0}
        return self._event("response.output_text.delta", delta)

    def end(self, generation: Generation) -> bytes:
        """The whole text, part, item and response."""
        text = generation.choices[0].text
        place = {"content_index": 0, "item_id": self._item_id}
        done = place | {"logprobs": [], "output_index": 0}
        item = self._item(text)
        # Keys are in alphabetical order in these events, whoever they belong to.
        return b"".join(
            [
                self._event("response.output_text.done", done, text=text),
                self._event("response.content_part.done", place | {"output_index": 0, "part": _part(text, None)}),
                self._event("response.output_item.done", {"item": item, "output_index": 0}),
                self._event("response.completed", {"response": self.whole(generation)}),
            ]
        )

    def whole(self, generation: Generation) -> Body:
        """The answer in one piece."""
        (choice,) = generation.choices
        status = "completed" if choice.finish_reason == "stop" else "incomplete"
        return self._response(generation, status=status, output=[self._item(choice.text)], usage=_usage(generation))

    def _event(self, kind: str, data: Body, **after: Any) -> bytes:
        number = self._events
        self._events += 1
        return sse(data | {"sequence_number": number} | after | {"type": kind}, kind)

    def _item(self, text: str) -> Body:
        return {
            "id": self._item_id,
            "content": [_part(text, None)],
            "role": "assistant",
            "status": "completed",
            "type": "message",
            "phase": None,
        }

    def _response(self, generation: Generation, *, status: str, output: list[Body], usage: Body | None) -> Body:
        body = self._body
        return {
            "id": f"resp_{generation.request_id}",
            "created_at": generation.created,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": body.get("instructions"),
            "metadata": body.get("metadata"),
            "model": generation.ask.target.model,
            "object": "response",
            "output": output,
            "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "temperature": float(body.get("temperature", 1.0)),
            "tool_choice": body.get("tool_choice", "auto") if body.get("tools") else "none",
            "tools": body.get("tools", []),
            "top_p": float(body.get("top_p", 1.0)),
            "background": False,
            "max_output_tokens": self._max_output_tokens,
            "max_tool_calls": body.get("max_tool_calls"),
            "previous_response_id": body.get("previous_response_id"),
            "prompt": body.get("prompt"),
            "reasoning": body.get("reasoning"),
            "service_tier": body.get("service_tier", "auto"),
            "status": status,
            "text": body.get("text"),
            "top_logprobs": body.get("top_logprobs"),
            "truncation": body.get("truncation", "disabled"),
            "usage": usage,
            "user": body.get("user"),
            "presence_penalty": float(body.get("presence_penalty", 0.0)),
            "frequency_penalty": float(body.get("frequency_penalty", 0.0)),
            "kv_transfer_params": None,
            "ec_transfer_params": None,
            "input_messages": None,
            "output_messages": None,
        }


def _usage(generation: Generation) -> Body:
    return {
        "input_tokens": generation.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": generation.cached_tokens,
            "cache_write_tokens": 0,
            "input_tokens_per_turn": [],
            "cached_tokens_per_turn": [],
        },
        "output_tokens": generation.completion_tokens,
        "output_tokens_details": {
            "reasoning_tokens": 0,
            "tool_output_tokens": 0,
            "output_tokens_per_turn": [],
            "tool_output_tokens_per_turn": [],
        },
        "total_tokens": generation.prompt_tokens + generation.completion_tokens,
    }
