"""POST /v1/completions."""

from typing import Any

from e2e.engine_sim.api_chat import DONE, prompt_details, usage_wanted
from e2e.engine_sim.engine import Engine
from e2e.engine_sim.fingerprint import fingerprint
from e2e.engine_sim.generation import ORCA_HEADER, Ask, Choice, Generation, answers_wanted, sse
from e2e.engine_sim.requests import Body, json_body, max_tokens_of, target
from e2e.engine_sim.tokens import encode
from e2e.engine_sim.wire import Call

_DEFAULT_MAX_TOKENS = 16


def completions(engine: Engine, call: Call) -> None:
    """Answers a completion request. Refusal where it cannot be."""
    body = json_body(call, "prompt")
    model = target(engine.settings, body)
    max_tokens = max_tokens_of(engine.settings, body, "max_tokens") or _DEFAULT_MAX_TOKENS
    ask = Ask(model, prompts_of(body["prompt"]), body, max_tokens, answers_wanted(body))
    Generation(engine, call, ask, CompletionRenderer(engine, body), call.header(ORCA_HEADER))


def prompts_of(given: Any) -> list[list[int]]:
    """The prompts in a text, a list of texts, a list of token ids, or a list of such lists. ValueError for nothing."""
    if isinstance(given, str):
        return [encode(given)]
    if not given:
        raise ValueError("Either prompt or prompt_embeds must be provided and non-empty.")
    if isinstance(given[0], int):
        return [given]
    return [encode(prompt) if isinstance(prompt, str) else prompt for prompt in given]


class CompletionRenderer:
    """Text completions, whole or in chunks."""

    def __init__(self, engine: Engine, body: Body) -> None:
        self._engine = engine
        self._usage_last, self._usage_always = usage_wanted(engine, body)

    def begin(self, _generation: Generation) -> bytes:
        """Nothing: the first chunk is the first token's."""
        return b""

    def token(self, generation: Generation, choice: Choice, piece: str) -> bytes:
        """A chunk with the token's text."""
        chunk = self._head(generation) | {"choices": [self._piece(choice, piece)]}
        if self._usage_always:
            prompt = len(choice.sequence.prompt)
            chunk["usage"] = {
                "prompt_tokens": prompt,
                "total_tokens": prompt + choice.count,
                "completion_tokens": choice.count,
            }
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
        last = {"choices": [], "usage": usage, "system_fingerprint": fingerprint(self._engine.settings)}
        return sse(self._head(generation) | last) + DONE

    def whole(self, generation: Generation) -> Body:
        """The answer in one piece."""
        usage = generation.usage() | {"prompt_tokens_details": prompt_details(self._engine, generation)}
        return self._head(generation) | {
            "choices": [self._whole_choice(choice) for choice in generation.choices],
            "service_tier": None,
            "system_fingerprint": fingerprint(self._engine.settings),
            "usage": usage | {"completion_tokens_details": None},
            "kv_transfer_params": None,
            "ec_transfer_params": None,
            "metrics": None,
        }

    def _head(self, generation: Generation) -> Body:
        return {
            "id": f"cmpl-{generation.request_id}",
            "object": "text_completion",
            "created": generation.created,
            "model": generation.ask.target.model,
        }

    def _piece(self, choice: Choice, text: str) -> Body:
        return {
            "index": choice.index,
            "text": text,
            "logprobs": None,
            "finish_reason": choice.finish_reason,
            "stop_reason": choice.stop_reason if choice.finish_reason else None,
            "prompt_token_ids": None,
            "token_ids": None,
        }

    def _whole_choice(self, choice: Choice) -> Body:
        return {
            "index": choice.index,
            "text": choice.text,
            "logprobs": None,
            "finish_reason": choice.finish_reason,
            "stop_reason": choice.stop_reason,
            "token_ids": None,
            "prompt_logprobs": None,
            "prompt_token_ids": None,
            "routed_experts": None,
        }
