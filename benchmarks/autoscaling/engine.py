"""An engine with continuous batching: prefill step by step, decoding in virtual time between prefill steps.

    step = max(step, prefill x tokens) + per_sequence x running + per_token x tokens in KV

Chunked prefill, first come first served while the prompt fits into KV, one token of KV more a step for each
running sequence, preemption of the last admitted with recomputation. V is the number of tokens that every running sequence has made: a
request costs three events and not one for each token, and that is exact where every sequence gets one token a step.

Not modelled: prefix caches, LoRA, speculative decoding, failures.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

PATIENCE: Final = 60.0
"""Seconds after which a client gives up that has no first token."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """What an engine is made of. The defaults, and the 32B engines, are arithmetic on public figures of one 80 GB GPU (3.35 TB/s, 989 TFLOP/s in BF16)."""

    name: str
    full: float
    """Requests/s that fill it with the usual mix of lengths: what it answers when it always has more."""
    step: float = 0.024
    """Seconds of a step with an almost empty batch: reading the weights, launches, sampling."""
    per_sequence: float = 0.00008
    """Seconds more for each running sequence."""
    per_token: float = 1.1e-7
    """Seconds more for each token in KV."""
    prefill: float = 1 / 8400
    """Seconds for each token of a prompt, at 55 % of the GPU's arithmetic."""
    kv: int = 30_000
    """Tokens that fit beside the weights."""
    sequences: int = 256
    """Running at once."""
    batched: int = 2048
    """Tokens of a step."""


USUAL: Final = Model("32B", full=2.25)
"""BF16: 65 GB of weights, 262 kB of KV and 65 GFLOP a token. KV is full with 31 sequences."""
BY_SEQUENCES: Final = Model("32B, 32 sequences", full=2.47, kv=200_000, sequences=32)
"""The same with a KV cache that never fills: full with 15 % of it in use."""
SMALL: Final = Model(
    "8B",
    full=24.9,
    step=0.00647,
    per_sequence=8.7e-6,
    per_token=4.28e-8,
    prefill=1 / 38_500,
    kv=455_536,
    batched=8192,
)
"""Fitted to a recording of vLLM 0.32.0 with Llama-3.1-8B's shape on one H100 (`recordings/`): least squares of relative errors over 13 means of
the time between tokens, of 1 to 160 sequences with 256 and 2,048 tokens each. They are met within 1.2 %; 192 sequences take 4 % longer than this says, and 256
take 7 %. `prefill` is what many prompts of 512 and 2,048 tokens at once come to; a lone prompt of up to 2,048 tokens takes 6 to 9 ms longer, for HTTP
and the scheduler's round, one of 8,192 takes 15 ms and one of 16,000 takes 80 ms, for attention grows faster than the prompt.
"""


class Requests:
    """All requests of a trace, by number."""

    def __init__(self, arrival: Floats, prompt: Floats, out: Floats) -> None:
        self.arrival: list[float] = arrival.tolist()
        self.prompt: list[float] = prompt.tolist()
        self.out: list[float] = out.tolist()
        self.left: list[float] = list(self.out)
        """Tokens still to be made when it is admitted; less after a preemption."""
        self.first = [-1.0] * len(self.out)
        """When its first token came; -1: never."""


class Phase(Enum):
    """What an engine does."""

    IDLE = 0
    DECODE = 1
    STEP = 2
    """A step with a part of a prompt in it."""


@dataclass(eq=False)
class Engine:
    """One of them."""

    model: Model
    requests: Requests
    created: float
    ready: float
    leaves: float | None = None
    """Since when it drains."""
    next: float = inf
    """When its next event is due."""
    n: int = 0
    """Running sequences."""
    kv: float = 0.0
    """Tokens."""
    waiting: deque[int] = field(default_factory=deque)
    batch: list[int] = field(default_factory=list)
    """Requests whose prompts are in the step under way."""
    made: float = 0.0
    """Tokens."""
    busy: float = 0.0
    """Seconds with work."""
    area: float = 0.0
    """Seconds times running sequences."""
    _t: float = 0.0
    _v: float = 0.0
    _phase: Phase = Phase.IDLE
    _part: float = 0.0
    """Tokens of the batch's prompts that are left for the next step."""
    _heap: list[tuple[float, int]] = field(default_factory=list)
    _ends: dict[int, float] = field(default_factory=dict)
    """V at which a running request ends."""
    _order: list[int] = field(default_factory=list)
    """As they were admitted."""

    @property
    def load(self) -> int:
        """Requests that it has."""
        return self.n + len(self.waiting) + len(self.batch)

    def advance(self, t: float) -> None:
        """Decodes until now."""
        if self._phase is Phase.DECODE and t > self._t:
            self._move(t, (t - self._t) / self._step())

    def add(self, t: float, request: int) -> None:
        """A request arrives; it joins when the step under way ends."""
        self.waiting.append(request)
        if self._phase is Phase.IDLE:
            self._t = t
            self._schedule(t, 0.0)
        elif self._phase is Phase.DECODE:
            self.advance(t)
            self._schedule(t, 0.5 * self._step())

    def event(self, t: float) -> None:
        """What is due."""
        if self._phase is Phase.STEP:
            self._move(t, 1)
            if self._part <= 0:
                self._answer(t)
        else:
            self.advance(t)
        self._finish()
        self._preempt()
        self._schedule(t, 0.0)

    def _step(self) -> float:
        return self.model.step + self.model.per_sequence * self.n + self.model.per_token * self.kv

    def _move(self, t: float, steps: float) -> None:
        self._v += steps
        self.kv += steps * self.n
        self.made += steps * self.n
        self.busy += t - self._t
        self.area += (t - self._t) * self.n
        self._t = t

    def _answer(self, t: float) -> None:
        """First tokens of the batch."""
        r = self.requests
        for i in self.batch:
            if r.first[i] < 0:
                r.first[i] = t
            end = self._ends[i] = self._v + r.left[i]
            self._order.append(i)
            heappush(self._heap, (end, i))
        self.n += len(self.batch)
        self.batch = []

    def _finish(self) -> None:
        r, limit = self.requests, self._v + 1e-6
        while self._heap and self._heap[0][0] <= limit:
            end, i = heappop(self._heap)
            if self._ends.get(i) == end:
                del self._ends[i]
                self.n -= 1
                self.kv -= r.prompt[i] + r.out[i]
        if len(self._order) > 4 * self.n + 50:
            self._order = [i for i in self._order if i in self._ends]

    def _preempt(self) -> None:
        """The last admitted first; it is computed again later."""
        r = self.requests
        while self.kv > self.model.kv and self.n > 1:
            i = self._order.pop()
            if i in self._ends:
                r.left[i] = self._ends.pop(i) - self._v
                self.n -= 1
                self.kv -= r.prompt[i] + r.out[i] - r.left[i]
                self.waiting.appendleft(i)

    def _schedule(self, t: float, residual: float) -> None:
        tokens = self._admit(t)
        if tokens > 0:
            self._phase = Phase.STEP
            self.next = t + residual + self._step() + max(0.0, self.model.prefill * tokens - self.model.step)
        elif self.n:
            self._phase = Phase.DECODE
            self.next = t + max(1e-6, self._until()) * self._step()
        else:
            self._phase, self.next, self.kv = Phase.IDLE, inf, 0.0

    def _admit(self, t: float) -> float:
        """Tokens of prompts in the next step."""
        room = self.model.batched - self.n
        if self.batch:  # the rest of prompts that are longer than one step
            tokens = min(self._part, room)
            self._part -= tokens
            return tokens
        tokens = 0.0
        while self.waiting and self.n + len(self.batch) < self.model.sequences and tokens < room:
            taken = self._take(t)
            if taken is None:
                break
            tokens += taken
        self._part = max(0.0, tokens - room)
        return min(tokens, room)

    def _take(self, t: float) -> float | None:
        """Tokens of the next prompt, 0 for one whose client has given up; None: it does not fit yet."""
        r, i = self.requests, self.waiting[0]
        need = r.prompt[i] + r.out[i] - r.left[i]
        gone = r.first[i] < 0 and t - r.arrival[i] > PATIENCE
        if not gone and self.kv + need > 0.99 * self.model.kv and (self.n or self.batch):
            return None
        self.waiting.popleft()
        if gone:
            return 0.0
        self.batch.append(i)
        self.kv += need
        return need

    def _until(self) -> float:
        """Steps until the next request ends, or KV is full."""
        while self._ends.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        ends, fills = self._heap[0][0] - self._v, (self.model.kv - self.kv) / self.n + 1.0
        return min(ends, fills)
