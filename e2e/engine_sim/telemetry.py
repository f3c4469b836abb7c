"""What the scheduler did, as vLLM's metrics tell it. The only place where `vllm:` metrics are set."""

import time
from collections import Counter

from e2e.engine_sim.metrics import Metrics
from e2e.engine_sim.scheduler import Scheduler, Step
from e2e.engine_sim.sequence import Sequence
from e2e.engine_sim.settings import EngineSettings

_ENGINE = "0"


class Telemetry:
    """Keeps the metrics of one engine."""

    def __init__(self, metrics: Metrics, settings: EngineSettings) -> None:
        self._metrics = metrics
        self._settings = settings
        self._describe_cache()
        metrics["vllm:engine_sleep_state"].set(1, _ENGINE, "awake")

    def observe(self, step: Step) -> None:
        """Counts a step that ended."""
        metrics = self._metrics
        prompt_tokens = 0
        gaps: Counter[float] = Counter()
        for sequence, gap in step.emitted:
            if gap is None:
                self._prompt_done(sequence)
                prompt_tokens += len(sequence.prompt)
            else:
                gaps[gap] += 1
        generated = sum(bool(sequence.output) for sequence, _ in step.emitted)
        for gap, times in gaps.items():
            metrics["vllm:inter_token_latency_seconds"].observe(gap, _ENGINE, times=times)
        metrics["vllm:generation_tokens"].add(generated, _ENGINE)
        metrics["vllm:iteration_tokens_total"].observe(generated + prompt_tokens, _ENGINE)
        metrics["vllm:num_preemptions"].add(step.preempted, _ENGINE)
        for sequence in step.admitted:
            self._admitted(sequence)

    def _admitted(self, sequence: Sequence) -> None:
        metrics = self._metrics
        if self._settings.prefix_caching:
            metrics["vllm:prefix_cache_queries"].add(len(sequence.prompt), _ENGINE)
            metrics["vllm:prefix_cache_hits"].add(sequence.cached, _ENGINE)
        if self._settings.host_blocks:
            metrics["vllm:external_prefix_cache_queries"].add(len(sequence.prompt) - sequence.cached, _ENGINE)
            metrics["vllm:external_prefix_cache_hits"].add(sequence.offloaded, _ENGINE)
        metrics["vllm:prompt_tokens_cached_by_source"].add(sequence.cached, _ENGINE, "device")
        metrics["vllm:prompt_tokens_cached_by_source"].add(sequence.offloaded - sequence.from_disk, _ENGINE, "host")
        metrics["vllm:prompt_tokens_cached_by_source"].add(sequence.from_disk, _ENGINE, "disk")

    def _prompt_done(self, sequence: Sequence) -> None:
        metrics, prompt = self._metrics, len(sequence.prompt)
        found = sequence.cached + sequence.offloaded
        metrics["vllm:prompt_tokens"].add(prompt, _ENGINE)
        metrics["vllm:prompt_tokens_cached"].add(found, _ENGINE)
        by_source = metrics["vllm:prompt_tokens_by_source"]
        by_source.add(prompt - found, _ENGINE, "local_compute")
        by_source.add(sequence.cached, _ENGINE, "local_cache_hit")
        by_source.add(sequence.offloaded, _ENGINE, "external_kv_transfer")
        if sequence.first_token_at is not None:
            metrics["vllm:time_to_first_token_seconds"].observe(sequence.first_token_at - sequence.arrival, _ENGINE)

    def finished(self, sequence: Sequence, reason: str, max_tokens: int | None) -> None:
        """Counts a sequence that came to its end: `stop` or `length`."""
        self._count(reason)
        # All three are set: only a sequence that emitted something finishes this way.
        scheduled, first, last = sequence.scheduled_at, sequence.first_token_at, sequence.last_token_at
        if scheduled is None or first is None or last is None:
            raise ValueError("a sequence finished before it ran")
        found = sequence.cached + sequence.offloaded
        for name, value in {
            "request_prompt_tokens": len(sequence.prompt),
            "request_generation_tokens": sequence.generated,
            "request_time_per_output_token_seconds": (last - first) / max(1, sequence.generated - 1),
            "e2e_request_latency_seconds": last - sequence.arrival,
            "request_queue_time_seconds": scheduled - sequence.arrival,
            "request_inference_time_seconds": last - scheduled,
            "request_prefill_time_seconds": first - scheduled,
            "request_decode_time_seconds": last - first,
            "request_num_preemptions": sequence.preemptions,
            "request_prefill_kv_computed_tokens": len(sequence.prompt) - found,
        }.items():
            self._metrics[f"vllm:{name}"].observe(value, _ENGINE)
        if max_tokens is not None:
            self._metrics["vllm:request_params_max_tokens"].observe(max_tokens, _ENGINE)

    def answered(self, n: int, longest: int) -> None:
        """Counts a prompt all of whose `n` answers are finished; the longest has `longest` tokens."""
        self._metrics["vllm:request_params_n"].observe(n, _ENGINE)
        self._metrics["vllm:request_max_num_generation_tokens"].observe(longest, _ENGINE)

    def rejected(self, reason: str) -> None:
        """Counts a request that a queue limit refused."""
        self._metrics["vllm:admission_rejections"].add(1, reason)

    def gauge(self, scheduler: Scheduler) -> None:
        """Sets the gauges to what the scheduler holds now."""
        waiting = len(scheduler.waiting)
        deferred = scheduler.deferred
        metrics = self._metrics
        metrics["vllm:num_requests_running"].set(len(scheduler.running), _ENGINE)
        metrics["vllm:num_requests_waiting"].set(waiting, _ENGINE)
        metrics["vllm:num_requests_waiting_by_reason"].set(waiting - deferred, _ENGINE, "capacity")
        metrics["vllm:num_requests_waiting_by_reason"].set(deferred, _ENGINE, "deferred")
        metrics["vllm:kv_cache_usage_perc"].set(scheduler.pool.usage, _ENGINE)
        if self._settings.lora_enabled:
            self._gauge_adapters(scheduler)

    def _gauge_adapters(self, scheduler: Scheduler) -> None:
        running, waiting = (
            ",".join(dict.fromkeys(sequence.adapter for sequence in queue if sequence.adapter))
            for queue in (scheduler.running, scheduler.waiting)
        )
        family = self._metrics["vllm:lora_requests_info"]
        family.set(time.time(), str(self._settings.max_adapters), running, waiting)

    def _count(self, reason: str) -> None:
        self._metrics["vllm:request_success"].add(1, _ENGINE, reason)

    def _describe_cache(self) -> None:
        settings, family = self._settings, self._metrics["vllm:cache_config_info"]
        ((values, _),) = family.children.items()
        labels = dict(zip(family.labels, values, strict=True)) | settings.cache_config()
        family.children.clear()
        family.set(1, *labels.values())
