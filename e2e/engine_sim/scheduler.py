"""Continuous batching, as vLLM's scheduler does it: pure, driven by the times it is told.

Time passes in steps (forward passes). Each step serves every running sequence: one token for a decoding one, a chunk of
the prompt for a prefilling one, within a budget of tokens. Waiting sequences join first come first served when there is
a slot and room in the cache for their whole prompt. When a running sequence finds no block, the youngest running one is
preempted: it loses its blocks, goes to the head of the queue and is computed again. A step's length is `Timing.step`.
"""

from collections import deque
from dataclasses import dataclass, field

from e2e.engine_sim.kvcache import BlockPool
from e2e.engine_sim.sequence import Sequence
from e2e.engine_sim.timing import Timing


@dataclass(frozen=True)
class Limits:
    """`max_seqs` slots, `token_budget` tokens a step, `max_adapters` LoRA adapters in one batch."""

    max_seqs: int = 256
    token_budget: int = 8192
    max_adapters: int = 1


@dataclass(slots=True)
class Step:
    """A forward pass: who took part with how many tokens, and (once it ended) what came of it."""

    end: float
    batch: list[tuple[Sequence, int]]
    admitted: list[Sequence]
    preempted: int
    emitted: list[tuple[Sequence, float | None]] = field(default_factory=list)
    """Who got one more token (or, for embeddings, the result), and seconds since its last one (None for the first)."""


class Scheduler:
    """The queue, the batch and the cache of one engine."""

    def __init__(self, limits: Limits, pool: BlockPool, block_size: int, timing: Timing) -> None:
        self.limits = limits
        self.pool = pool
        self.block_size = block_size
        self.timing = timing
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self._step: Step | None = None

    @property
    def unfinished(self) -> int:
        """Sequences that wait or run."""
        return len(self.waiting) + len(self.running)

    @property
    def deferred(self) -> int:
        """Waiting sequences whose adapter has no place in the batch."""
        return sum(not self._adapter_fits(sequence) for sequence in self.waiting)

    @property
    def due(self) -> float | None:
        """When the current step ends; None while idle."""
        return self._step.end if self._step else None

    def add(self, sequence: Sequence, now: float) -> None:
        """Queues a sequence. Steps that ended before `now` must have been collected by `advance`."""
        self.waiting.append(sequence)
        if self._step is None:
            self._begin(now)

    def abort(self, sequence: Sequence) -> None:
        """Drops a sequence at once; the step in progress goes on without it."""
        if sequence.done:
            return
        sequence.done = True
        if sequence.running:
            self._leave(sequence)
        else:
            self.waiting.remove(sequence)

    def advance(self, now: float) -> list[Step]:
        """Ends every step that is over by `now`, starting the next right after; returns the ended ones in order."""
        ended = []
        while self._step is not None and self._step.end <= now:
            step = self._step
            self._finish(step)
            ended.append(step)
            self._begin(step.end)
        return ended

    def _begin(self, now: float) -> None:
        step = Step(now, [], [], 0)
        budget = self._serve_running(step)
        if not step.preempted:
            self._admit(step, budget, now)
        self._step = step if step.batch else None
        prefill = sum(tokens for sequence, tokens in step.batch if tokens > 1 or not sequence.generated)
        step.end = now + self.timing.step(len(step.batch), prefill)

    def _serve_running(self, step: Step) -> int:
        """Puts the running sequences into the step; returns the tokens left in the budget."""
        budget = self.limits.token_budget
        index = 0
        while index < len(self.running) and budget:
            sequence = self.running[index]
            tokens = min(sequence.known - sequence.computed, budget)
            if not self._reserve(sequence, sequence.computed + tokens, step):
                break
            step.batch.append((sequence, tokens))
            budget -= tokens
            index += 1
        return budget

    def _reserve(self, sequence: Sequence, tokens: int, step: Step) -> bool:
        """Blocks for `tokens` tokens, at the cost of younger sequences; False where it was preempted itself."""
        missing = -(-tokens // self.block_size) - len(sequence.blocks)
        while missing > 0:
            blocks = self.pool.allocate(missing)
            if blocks is not None:
                sequence.blocks += blocks
                return True
            victim = self.running[-1]
            self._preempt(victim)
            step.preempted += 1
            if victim is sequence:
                return False
        return True

    def _preempt(self, sequence: Sequence) -> None:
        self._leave(sequence)
        sequence.preemptions += 1
        sequence.computed = 0
        self.waiting.appendleft(sequence)

    def _admit(self, step: Step, budget: int, now: float) -> None:
        skipped: list[Sequence] = []
        while self.waiting and budget and len(self.running) < self.limits.max_seqs:
            sequence = self.waiting.popleft()
            if not self._adapter_fits(sequence):
                skipped.append(sequence)
                continue
            if not self._place(sequence):
                self.waiting.appendleft(sequence)
                break
            tokens = min(sequence.known - sequence.computed, budget)
            budget -= tokens
            sequence.running = True
            if sequence.scheduled_at is None:
                sequence.scheduled_at = now
                step.admitted.append(sequence)
            self.running.append(sequence)
            step.batch.append((sequence, tokens))
        self.waiting.extendleft(reversed(skipped))

    def _adapter_fits(self, sequence: Sequence) -> bool:
        if not sequence.adapter:
            return True
        active = {other.adapter for other in self.running if other.adapter}
        return sequence.adapter in active or len(active) < self.limits.max_adapters

    def _place(self, sequence: Sequence) -> bool:
        """Takes cached and new blocks for all known tokens; False where they are not free."""
        # The last token is always computed, so that there is something to sample from.
        hashes = sequence.block_hashes((sequence.known - 1) // self.block_size, self.block_size)
        shared = self.pool.cached(hashes)
        missing = -(-sequence.known // self.block_size) - len(shared)
        if missing > self.pool.free - self.pool.idle(shared):
            return False
        self.pool.share(shared)
        host, below = self.pool.offloaded(hashes[len(shared) :])
        sequence.blocks = shared + (self.pool.allocate(missing) or [])
        for index in range(len(shared), len(shared) + host):
            self.pool.fill(sequence.blocks[index], hashes[index])
        sequence.computed = (len(shared) + host) * self.block_size
        if sequence.scheduled_at is None:
            sequence.cached = len(shared) * self.block_size
            sequence.offloaded = host * self.block_size
            sequence.from_disk = below * self.block_size
        return True

    def _finish(self, step: Step) -> None:
        for sequence, tokens in step.batch:
            if sequence.done:
                continue
            self._publish(sequence, sequence.computed + tokens)
            if sequence.computed == sequence.known:
                self._emit(sequence, step)

    def _publish(self, sequence: Sequence, computed: int) -> None:
        """Records computed tokens and offers the blocks they filled to later prompts."""
        full = computed // self.block_size
        first = sequence.computed // self.block_size
        if full > first:
            hashes = sequence.block_hashes(full, self.block_size)
            for index in range(first, full):
                self.pool.fill(sequence.blocks[index], hashes[index])
        sequence.computed = computed

    def _emit(self, sequence: Sequence, step: Step) -> None:
        last = sequence.last_token_at
        step.emitted.append((sequence, None if last is None else step.end - last))
        if sequence.first_token_at is None:
            sequence.first_token_at = step.end
        sequence.last_token_at = step.end
        if sequence.output:
            sequence.generated += 1
        if sequence.generated == len(sequence.output):
            sequence.done = True
            self._leave(sequence)

    def _leave(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        sequence.running = False
        self.pool.release(sequence.blocks)
        sequence.blocks = []
