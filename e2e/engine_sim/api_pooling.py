"""POST /v1/embeddings of a pooling engine."""

import base64
import random
import re
import secrets
import struct
import time
from collections.abc import Sequence as Many
from functools import lru_cache

import orjson

from e2e.engine_sim import errors
from e2e.engine_sim.api_completions import prompts_of
from e2e.engine_sim.engine import Engine, QueueFull
from e2e.engine_sim.requests import Body, check_prompt, json_body, target
from e2e.engine_sim.sequence import Sequence
from e2e.engine_sim.tokens import decode
from e2e.engine_sim.wire import Call

_DIMENSIONS = 64


def embeddings(engine: Engine, call: Call) -> None:
    """Answers an embedding request. Refusal where it cannot be."""
    body = json_body(call, "input")
    Embedding(engine, call, body, target(engine.settings, body).model)


def embed(text: str, seed: int = 0) -> list[float]:
    """A unit vector: the sum of a fixed random vector per word, so that texts with common words are near each other."""
    total = [0.0] * _DIMENSIONS
    for word in re.findall(r"\w+", text.lower()) or [text]:
        total = [a + b for a, b in zip(total, _direction(word, seed), strict=True)]
    length = sum(value * value for value in total) ** 0.5
    return [value / length for value in total]


@lru_cache(maxsize=4096)
def _direction(word: str, seed: int) -> tuple[float, ...]:
    dice = random.Random(f"{seed}/{word}")
    return tuple(dice.gauss(0, 1) for _ in range(_DIMENSIONS))


class Embedding:
    """Embeds the inputs of one call: one sequence each, a single forward pass if the batch has room."""

    def __init__(self, engine: Engine, call: Call, body: Body, model: str) -> None:
        prompts = prompts_of(body["input"])
        for prompt in prompts:
            check_prompt(engine.settings, prompt)
        try:
            engine.check_admission(len(prompts))
        except QueueFull as full:
            raise errors.busy(full.reason) from None
        self._engine = engine
        self._call = call
        self._base64 = body.get("encoding_format") == "base64"
        self._model = model
        self._sequences = [Sequence(prompt, (), engine.now(), owner=self) for prompt in prompts]
        self._missing = len(prompts)
        call.on_disconnect = self._abort
        engine.submit(self._sequences)

    def emitted(self, sequence: Sequence) -> None:
        """The engine has one input's result."""
        self._engine.telemetry.finished(sequence, "stop", None)
        self._engine.telemetry.answered(1, 0)
        self._missing -= 1
        if not self._missing:
            self._call.reply(200, orjson.dumps(self._whole()))

    def _abort(self) -> None:
        for sequence in self._sequences:
            self._engine.abort(sequence)

    def _whole(self) -> Body:
        tokens = sum(len(sequence.prompt) for sequence in self._sequences)
        return {
            "id": f"embd-{secrets.token_hex(8)}",
            "object": "list",
            "created": int(time.time()),
            "model": self._model,
            "data": [
                {"index": index, "object": "embedding", "embedding": self._vector(sequence.prompt)}
                for index, sequence in enumerate(self._sequences)
            ],
            "usage": {
                "prompt_tokens": tokens,
                "total_tokens": tokens,
                "completion_tokens": 0,
                "prompt_tokens_details": None,
                "completion_tokens_details": None,
            },
        }

    def _vector(self, prompt: Many[int]) -> list[float] | str:
        vector = embed(decode(prompt), self._engine.settings.seed)
        return base64.b64encode(struct.pack(f"<{_DIMENSIONS}f", *vector)).decode() if self._base64 else vector
