"""One request for text: its sequences in the engine, and the answer as it grows."""

import secrets
import time
from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from e2e.engine_sim import errors
from e2e.engine_sim.answers import Answer, answer, shown
from e2e.engine_sim.engine import Engine, QueueFull
from e2e.engine_sim.requests import Body, Target, check_prompt, integer, sampling
from e2e.engine_sim.sequence import Sequence
from e2e.engine_sim.wire import Call, Headers


class Choice:
    """One answer to one prompt. `text` and `count` grow with every token."""

    def __init__(self, generation: "Generation", sequence: Sequence, planned: Answer, max_tokens: int) -> None:
        self.index = len(generation.choices)
        self.count = 0
        self.text = ""
        self.stop_reason = planned.stop_reason
        self.max_tokens = max_tokens
        self.sequence = sequence
        self._generation = generation
        self._planned = planned
        self._pieces = shown(planned)

    @property
    def finish_reason(self) -> str | None:
        """`stop` or `length` once the last token is there."""
        return self._planned.finish_reason if self.count == len(self._pieces) else None

    def emitted(self, _sequence: Sequence) -> None:
        """The engine made one more token."""
        piece = self._pieces[self.count]
        self.count += 1
        self.text += piece
        self._generation.grew(self, piece)


class Renderer(Protocol):
    """How an API words an answer. Streams are bytes of server-sent events."""

    def begin(self, generation: "Generation", /) -> bytes:
        """What comes before the first token."""

    def token(self, generation: "Generation", choice: Choice, piece: str, /) -> bytes:
        """What one more token brings."""

    def end(self, generation: "Generation", /) -> bytes:
        """What comes after the last token."""

    def whole(self, generation: "Generation", /) -> Body:
        """The answer in one piece."""


@dataclass(frozen=True)
class Ask:
    """What is asked: prompts, `n` answers to each, and whether they are streamed."""

    target: Target
    prompts: Many[list[int]]
    body: Body
    max_tokens: int | None
    n: int = 1

    @property
    def stream(self) -> bool:
        """Whether the answer comes token by token."""
        return bool(self.body.get("stream"))


class Generation:
    """Answers one call. Refusal, before anything is sent, where the engine does not take it.

    `orca` is the format in which an answer that is not streamed reports the engine's load.
    """

    def __init__(self, engine: Engine, call: Call, ask: Ask, renderer: Renderer, orca: str | None = None) -> None:
        self.engine = engine
        self.ask = ask
        self.created = int(time.time())
        self.request_id = secrets.token_hex(8)
        self.choices: list[Choice] = []
        self._call = call
        self._renderer = renderer
        self._orca = orca
        self._begun = False
        for prompt in ask.prompts:
            check_prompt(engine.settings, prompt)
        try:
            engine.check_admission(len(ask.prompts) * ask.n)
        except QueueFull as full:
            raise errors.busy(full.reason) from None
        for prompt in ask.prompts:
            self._plan(prompt)
        call.on_disconnect = self._abort
        if ask.stream:
            call.open_stream("text/event-stream; charset=utf-8")
        engine.submit([choice.sequence for choice in self.choices])

    @property
    def prompt_tokens(self) -> int:
        """Tokens of all prompts."""
        return sum(map(len, self.ask.prompts))

    @property
    def completion_tokens(self) -> int:
        """Tokens of all answers so far."""
        return sum(choice.count for choice in self.choices)

    @property
    def cached_tokens(self) -> int:
        """Prompt tokens that the prefix cache supplied to the first answer."""
        first = self.choices[0].sequence
        return first.cached + first.offloaded

    def usage(self) -> dict[str, Any]:
        """Token counts so far, as OpenAI's streams have them."""
        prompt, completion = self.prompt_tokens, self.completion_tokens
        return {"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion}

    def grew(self, choice: Choice, piece: str) -> None:
        """A choice got one more token."""
        finished = choice.finish_reason is not None
        if finished:
            self.engine.telemetry.finished(choice.sequence, str(choice.finish_reason), choice.max_tokens)
        if self.ask.stream:
            self._stream(choice, piece)
        if finished and all(other.finish_reason for other in self.choices):
            self._finish()

    def _plan(self, prompt: list[int]) -> None:
        settings, ask = self.engine.settings, self.ask
        how = sampling(ask.body, ask.max_tokens, settings.max_model_len - len(prompt))
        for index in range(ask.n):
            planned = answer(prompt, how, seed=settings.seed, index=index, adapter=ask.target.adapter)
            sequence = Sequence(prompt, planned.tokens, self.engine.now(), ask.target.adapter)
            sequence.owner = Choice(self, sequence, planned, how.max_tokens)
            self.choices.append(sequence.owner)

    def _stream(self, choice: Choice, piece: str) -> None:
        data = b"" if self._begun else self._renderer.begin(self)
        self._begun = True
        data += self._renderer.token(self, choice, piece)
        # A token may bring nothing to show, and an empty chunk would end the stream.
        if data:
            self._call.write(data)

    def _finish(self) -> None:
        telemetry, n = self.engine.telemetry, self.ask.n
        for start in range(0, len(self.choices), n):
            telemetry.answered(n, max(choice.count for choice in self.choices[start : start + n]))
        if self.ask.stream:
            self._call.write(self._renderer.end(self))
            self._call.close_stream()
        else:
            report = load_report(self.engine, self._orca) if self._orca else ()
            self._call.reply(200, orjson.dumps(self._renderer.whole(self)), headers=report)

    def _abort(self) -> None:
        for choice in self.choices:
            self.engine.abort(choice.sequence)


ORCA_HEADER = "endpoint-load-metrics-format"
"""The request header that asks for a load report."""


def load_report(engine: Engine, wanted: str) -> Headers:
    """The ORCA header `endpoint-load-metrics` in the wanted format, JSON or TEXT; none for other formats."""
    scheduler = engine.scheduler
    load = {
        "num_requests_waiting": float(len(scheduler.waiting)),
        "kv_cache_usage_perc": scheduler.pool.usage,
    }
    if wanted.lower() == "json":
        listed = ", ".join(f'"{name}": {value}' for name, value in load.items())
        return [("endpoint-load-metrics", f'JSON {{"named_metrics": {{{listed}}}}}')]
    if wanted.lower() == "text":
        listed = ", ".join(f"named_metrics.{name}={value}" for name, value in load.items())
        return [("endpoint-load-metrics", f"TEXT {listed}")]
    return ()


def answers_wanted(body: Body) -> int:
    """`n`: how many answers to each prompt."""
    return integer(body, "n") or 1


def sse(data: Body, event: str | None = None) -> bytes:
    """One server-sent event."""
    line = b"data: %b\n\n" % orjson.dumps(data)
    return line if event is None else b"event: %b\n%b" % (event.encode(), line)
