"""What clients ask, and what the engine answers: bytes made once, the same for every form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

PUBLIC: Final = "chat"
"""The model's name in requests."""
SERVED: Final = "meta-llama/Llama-3.1-8B-Instruct"
"""What the engine calls it."""
PATH: Final = "/v1/chat/completions"
CHUNKS: Final = 100
"""Of a stream: 98 pieces of text, the usage, and the end mark."""
GAP: Final = 0.01
"""Seconds between two chunks of a paced stream."""
HELD: Final = 0.2
"""Seconds that the engine holds the answers that warm up, so that each connection to it is there before the first measurement."""
PROMPT: Final = 32 << 10
"""Bytes of a long request, about."""
HEADERS: Final = {
    "host": "router.example:8080",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "authorization": "Bearer none",
    "content-type": "application/json",
    "user-agent": "OpenAI/Python 2.8.1",
}


@dataclass(frozen=True)
class Workload:
    """One kind of request, sent again and again by some connections, one at a time on each."""

    title: str
    body: bytes
    """JSON."""
    answer: str
    """Name of the engine's answer: `json`, `burst` or `paced`. A message begins with it: routers pass those on, whatever they do with
    queries, headers and other fields."""
    connections: int
    lasts: float = 0.0
    """Seconds that the engine takes for an answer."""
    rate: float = 0.0
    """Requests a second over all connections together; 0: each is followed by the next at once."""

    @property
    def streamed(self) -> bool:
        """Answered by server-sent events."""
        return self.answer != "json"

    def asks_for(self, seconds: float) -> float:
        """How long requests begin in a round of `seconds`: of answers that last, each connection gets the same whole number."""
        return max(1, round(seconds / self.lasts)) * self.lasts - self.lasts / 2 if self.lasts else seconds

    def asking(self, answer: str) -> bytes:
        """The body with which the engine gives another answer than the workload's own."""
        return self.body.replace(_mark(self.answer).encode(), _mark(answer).encode())

    def request(self, answer: str = "") -> bytes:
        """Head and body; `answer` is another one than the workload's own."""
        body = self.asking(answer) if answer else self.body
        lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in HEADERS.items())]
        return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def _mark(answer: str) -> str:
    return f"[{answer}] "


def compact(value: Any) -> bytes:
    """JSON without spaces, as clients and engines write it."""
    return json.dumps(value, separators=(",", ":")).encode()


def _asked(answer: str, **more: Any) -> dict[str, Any]:
    system = {
        "role": "system",
        "content": f"{_mark(answer)}You are a helpful assistant. Answer in two sentences at most.",
    }
    user = {"role": "user", "content": "What is the difference between a mutex and a semaphore, and when is each used?"}
    return {"model": PUBLIC, "messages": [system, user], "temperature": 0.7, "max_tokens": 128, **more}


def _prompt() -> list[dict[str, str]]:
    """A conversation about code: quotes and line ends that JSON escapes, as prompts have them."""
    code = 'def answer(name):\n    """Say it."""\n    return {"name": name, "text": "hello, " + name}\n\n'
    words = "Explain what this function does, and what has to change when the name may be missing.\n"
    turn = words * 12 + code * 5
    turns = [{"role": ("user", "assistant")[n % 2], "content": turn} for n in range(PROMPT // len(compact(turn)))]
    return [*turns, {"role": "user", "content": f"{_mark('json')}Go on."}]


def _long(model_first: bool) -> bytes:
    rest = {"messages": _prompt(), "temperature": 0.7}
    return compact({"model": PUBLIC, **rest} if model_first else {**rest, "model": PUBLIC})


def _stream(answer: str) -> bytes:
    return compact(_asked(answer, stream=True, stream_options={"include_usage": True}))


RATE: Final = 500.0
"""Requests a second at which a router is asked that is not at its limits."""
WORKLOADS: Final = {
    "json": Workload("short prompt, JSON answer", compact(_asked("json")), "json", 64),
    "steady": Workload(f"the same, {RATE:.0f} a second", compact(_asked("json")), "json", 64, rate=RATE),
    "first": Workload("32 KiB prompt, `model` first", _long(True), "json", 32),
    "last": Workload("32 KiB prompt, `model` last", _long(False), "json", 32),
    "burst": Workload("stream of 100 chunks at once", _stream("burst"), "burst", 64),
    "paced": Workload("stream of 100 chunks, one each 10 ms", _stream("paced"), "paced", 128, GAP * (CHUNKS - 1)),
}


def _question(size: int, *, model_first: bool = True) -> bytes:
    """One message of a user that fills a body of about that size: all of it tells how the prompt begins."""
    rest = {"messages": [{"role": "user", "content": _mark("json") + "Go on. " * (size // 7)}], "temperature": 0.7}
    return compact({"model": PUBLIC, **rest} if model_first else {**rest, "model": PUBLIC})


QUESTIONS: Final = {
    "short": Workload("2 KiB, `model` first", _question(2 << 10), "json", 32),
    "long": Workload("32 KiB, `model` first", _question(PROMPT), "json", 32),
    "behind": Workload("32 KiB, `model` last", _question(PROMPT, model_first=False), "json", 32),
}
"""Whose text is all the beginning of a prompt: for benchmarks/affinity, and for what a decision costs."""
KNOWN: Final = WORKLOADS | QUESTIONS

_USAGE: Final = {"prompt_tokens": 38, "completion_tokens": 98, "total_tokens": 136}
_ANSWER: Final = {"id": "chatcmpl-5f0c6f5b8ab04c1e", "created": 1767225600, "model": SERVED}


@cache
def json_answer() -> bytes:
    """A chat completion."""
    message = {"role": "assistant", "content": "A mutex has an owner; a semaphore counts."}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return compact({**_ANSWER, "object": "chat.completion", "choices": [choice], "usage": _USAGE})


@cache
def events() -> tuple[bytes, ...]:
    """The server-sent events of a stream, one a chunk."""
    head = {**_ANSWER, "object": "chat.completion.chunk"}
    texts = [{"index": 0, "delta": {"content": " word"}, "logprobs": None, "finish_reason": None}] * (CHUNKS - 2)
    said = [compact({**head, "choices": [choice]}) for choice in texts]
    said += [compact({**head, "choices": [], "usage": _USAGE}), b"[DONE]"]
    return tuple(b"data: " + one + b"\n\n" for one in said)
