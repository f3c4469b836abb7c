"""Runs the scheduler on the event loop's clock and hands out what each forward pass brings."""

import asyncio
from collections.abc import Callable
from collections.abc import Sequence as Many
from typing import Protocol

from e2e.engine_sim.kvcache import BlockPool
from e2e.engine_sim.kvfiles import BlockFiles
from e2e.engine_sim.metrics import Metrics
from e2e.engine_sim.scheduler import Limits, Scheduler
from e2e.engine_sim.sequence import Sequence
from e2e.engine_sim.settings import EngineSettings
from e2e.engine_sim.telemetry import Telemetry

_TIMER_ERROR_S = 0.0005
"""uvloop rounds timers to milliseconds: this much later is never too early. The engine's own times stay exact."""


class Owner(Protocol):
    """Gets the tokens of its sequences."""

    def emitted(self, sequence: Sequence, /) -> None:
        """One more token of the sequence exists (or its embedding)."""


class QueueFull(Exception):
    """A queue limit refuses the request; `reason` is the label in `vllm:admission_rejections_total`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Engine:
    """One engine: what it was told, what it holds, and the timer that moves it on."""

    def __init__(self, settings: EngineSettings, loop: asyncio.AbstractEventLoop) -> None:
        self.settings = settings
        self.metrics = Metrics(settings.name, lora=settings.lora_enabled)
        self.telemetry = Telemetry(self.metrics, settings)
        below = BlockFiles(settings.tiers, settings.root, settings.block_file_bytes) if settings.tiers else None
        pool = BlockPool(
            settings.num_blocks, caching=settings.prefix_caching, host_blocks=settings.host_blocks, below=below
        )
        limits = Limits(settings.max_num_seqs, settings.token_budget, settings.max_adapters)
        self.scheduler = Scheduler(limits, pool, settings.block_size, settings.timing)
        self.on_idle: Callable[[], None] | None = None
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due: float | None = None
        self._frozen_at: float | None = None
        self._behind = 0.0

    @property
    def idle(self) -> bool:
        """Whether no sequence waits or runs."""
        return not self.scheduler.unfinished

    def now(self) -> float:
        """Seconds on the engine's clock, which stands still while the engine hangs."""
        return (self._loop.time() if self._frozen_at is None else self._frozen_at) - self._behind

    def freeze(self, frozen: bool) -> None:
        """Stops the engine in the middle of what it does, or lets it go on from there."""
        if frozen and self._frozen_at is None:
            self._tick()
            self._frozen_at = self._loop.time()
        elif not frozen and self._frozen_at is not None:
            self._behind += self._loop.time() - self._frozen_at
            self._frozen_at = None
        self._set_timer()

    def check_admission(self, sequences: int) -> None:
        """QueueFull where this many more sequences are over a limit (vLLM counts running and waiting ones)."""
        settings, scheduler = self.settings, self.scheduler
        limit = settings.max_queued_requests
        if limit is not None and scheduler.unfinished + sequences > limit:
            self._reject("max_num_queued_reqs")
        if settings.max_queued_tokens is not None and self._prefill_backlog() >= settings.max_queued_tokens:
            self._reject("max_num_queued_tokens")

    def submit(self, sequences: Many[Sequence]) -> None:
        """Queues sequences. Their owners hear of every token from the event loop, never from within this call."""
        now = self.now()
        self._deliver(now)
        for sequence in sequences:
            self.scheduler.add(sequence, now)
        self._set_timer()

    def abort(self, sequence: Sequence) -> None:
        """Drops a sequence; its owner hears no more of it."""
        self._deliver(self.now())
        self.scheduler.abort(sequence)
        self._set_timer()
        self._tell_idle()

    def _reject(self, reason: str) -> None:
        self.telemetry.rejected(reason)
        raise QueueFull(reason)

    def _prefill_backlog(self) -> int:
        sequences = [*self.scheduler.waiting, *self.scheduler.running]
        return sum(len(sequence.prompt) for sequence in sequences if sequence.first_token_at is None)

    def _tick(self) -> None:
        # A fired timer is spent.
        self._timer_due = None
        self._deliver(self.now())
        self._set_timer()
        self._tell_idle()

    def _deliver(self, now: float) -> None:
        for step in self.scheduler.advance(now):
            self.telemetry.observe(step)
            for sequence, _ in step.emitted:
                owner: Owner = sequence.owner
                owner.emitted(sequence)

    def _set_timer(self) -> None:
        due = self.scheduler.due if self._frozen_at is None else None
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = None if due is None else self._loop.call_at(due + self._behind + _TIMER_ERROR_S, self._tick)

    def _tell_idle(self) -> None:
        if self.idle and self.on_idle is not None:
            self.on_idle()
