"""POST /v1/chat/completions."""

from e2e.engine_sim.engine import Engine
from e2e.engine_sim.fingerprint import fingerprint
from e2e.engine_sim.generation import ORCA_HEADER, Ask, Choice, Generation, answers_wanted, sse
from e2e.engine_sim.requests import Body, json_body, max_tokens_of, target
from e2e.engine_sim.tokens import chat_prompt, encode
from e2e.engine_sim.wire import Call

DONE = b"data: [DONE]\n\n"


def chat_completions(engine: Engine, call: Call) -> None:
    """Answers a chat request. Refusal where it cannot be."""
    body = json_body(call, "messages")
    model = target(engine.settings, body)
    max_tokens = max_tokens_of(engine.settings, body, "max_completion_tokens", "max_tokens")
    ask = Ask(model, [encode(chat_prompt(body["messages"]))], body, max_tokens, answers_wanted(body))
    Generation(engine, call, ask, ChatRenderer(engine, body), call.header(ORCA_HEADER))


def usage_wanted(engine: Engine, body: Body) -> tuple[bool, bool]:
    """Whether a stream ends with a usage chunk, and whether every chunk carries usage."""
    if engine.settings.force_usage:
        return True, True
    options = body.get("stream_options") or {}
    last = bool(options.get("include_usage"))
    return last, last and bool(options.get("continuous_usage_stats"))


def prompt_details(engine: Engine, generation: Generation) -> Body | None:
    """`prompt_tokens_details`, where `--enable-prompt-tokens-details` asks for it."""
    if not engine.settings.prompt_tokens_details:
        return None
    return {"cached_tokens": generation.cached_tokens, "created_cache_tokens": None, "multimodal_tokens": None}


class ChatRenderer:
    """Chat completions, whole or in chunks."""

    def __init__(self, engine: Engine, body: Body) -> None:
        self._engine = engine
        self._usage_last, self._usage_always = usage_wanted(engine, body)

    def begin(self, generation: Generation) -> bytes:
        """A chunk with the role for every choice."""
        return b"".join(self._role(generation, choice) for choice in generation.choices)

    def token(self, generation: Generation, choice: Choice, piece: str) -> bytes:
        """A chunk with the token's text."""
        described: Body = {"index": choice.index, "delta": {"content": piece}, "logprobs": None}
        described["finish_reason"] = choice.finish_reason
        if choice.finish_reason is not None:
            described["stop_reason"] = choice.stop_reason
        chunk = self._chunk(generation, [described | {"token_ids": None}])
        if self._usage_always:
            chunk["usage"] = self._usage(generation, choice.count)
        elif choice.finish_reason is not None and not self._usage_last:
            chunk["system_fingerprint"] = fingerprint(self._engine.settings)
        return sse(chunk)

    def end(self, generation: Generation) -> bytes:
        """The usage chunk, if wanted, and the end mark."""
        if not self._usage_last:
            return DONE
        usage = generation.usage()
        if details := prompt_details(self._engine, generation):
            usage["prompt_tokens_details"] = {"cached_tokens": details["cached_tokens"]}
        chunk = self._chunk(generation, []) | {"usage": usage}
        return sse(chunk | {"system_fingerprint": fingerprint(self._engine.settings)}) + DONE

    def whole(self, generation: Generation) -> Body:
        """The answer in one piece."""
        usage = generation.usage() | {"prompt_tokens_details": prompt_details(self._engine, generation)}
        return {
            "id": f"chatcmpl-{generation.request_id}",
            "object": "chat.completion",
            "created": generation.created,
            "model": generation.ask.target.model,
            "choices": [_message(choice) for choice in generation.choices],
            "service_tier": None,
            "system_fingerprint": fingerprint(self._engine.settings),
            "usage": usage | {"completion_tokens_details": None},
            "prompt_logprobs": None,
            "prompt_token_ids": None,
            "prompt_text": None,
            "kv_transfer_params": None,
            "ec_transfer_params": None,
            "metrics": None,
        }

    def _role(self, generation: Generation, choice: Choice) -> bytes:
        delta = {"role": "assistant", "content": ""}
        chunk = self._chunk(
            generation, [{"index": choice.index, "delta": delta, "logprobs": None, "finish_reason": None}]
        )
        if self._usage_always:
            chunk["usage"] = self._usage(generation, 0)
        return sse(chunk | {"prompt_token_ids": None, "prompt_text": None})

    def _chunk(self, generation: Generation, choices: list[Body]) -> Body:
        return {
            "id": f"chatcmpl-{generation.request_id}",
            "object": "chat.completion.chunk",
            "created": generation.created,
            "model": generation.ask.target.model,
            "choices": choices,
        }

    def _usage(self, generation: Generation, completion: int) -> Body:
        prompt = generation.prompt_tokens
        return {
            "prompt_tokens": prompt,
            "total_tokens": prompt + completion,
            "completion_tokens": completion,
            "completion_tokens_details": None,
        }


def _message(choice: Choice) -> Body:
    message = {
        "role": "assistant",
        "content": choice.text,
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "reasoning": None,
    }
    return {
        "index": choice.index,
        "message": message,
        "logprobs": None,
        "finish_reason": choice.finish_reason,
        "stop_reason": choice.stop_reason,
        "token_ids": None,
        "routed_experts": None,
    }
