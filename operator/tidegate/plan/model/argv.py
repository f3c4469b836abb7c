"""The argv of an engine: spec.engine as flags of `vllm serve`, a list and never a shell string."""

from __future__ import annotations

from decimal import Decimal
from math import prod
from typing import Final, NamedTuple

from tidegate import names
from tidegate.api.engine import Engine
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.values import amount, fraction, seconds
from tidegate.plan.model.weights import Weights

LEAVE_ENDPOINTS: Final = 5
"""Seconds between a Pod's deletion and SIGTERM, in which routers stop sending to it: a draining engine answers new
requests with 500, so traffic has to leave before."""


class Spread(NamedTuple):
    """GPUs of a replica along each axis."""

    tensor: int
    pipeline: int
    data: int


def argv(model: ModelDeployment, source: Weights, host: str) -> list[str]:
    """Everything after `vllm serve`; the user's own flags come last. `host` is where it listens."""
    engine = model.spec.engine
    return [
        source.model,
        "--host", host,
        "--port", str(names.ENGINE_PORT),
        "--served-model-name", *model.served_names(),
        *source.args,
        *_parallel(engine),
        *_limits(engine),
        *_memory(engine),
        "--dtype", engine.dtype,
        *(("--quantization", engine.quantization) if engine.quantization else ()),
        "--enable-force-include-usage",
        "--shutdown-timeout", str(shutdown_timeout(model)),
        *engine.args,
    ]  # fmt: skip


def spread(engine: Engine) -> Spread:
    """How a replica is spread; by default all GPUs of the Pod work on each layer together."""
    if engine.parallelism:
        return Spread(engine.parallelism.tensor, engine.parallelism.pipeline, engine.parallelism.data)
    return Spread(max(engine.gpus.count, 1), 1, 1)


def group_size(engine: Engine) -> int:
    """Pods of one replica: 1, or as many as tensor x pipeline needs at `gpus.count` each."""
    return prod(spread(engine)) // max(engine.gpus.count, 1)


def grace_period(model: ModelDeployment) -> int:
    """Whole seconds from a Pod's deletion to SIGKILL: `drain.timeout`."""
    return int(seconds(model.spec.drain.timeout))


def shutdown_timeout(model: ModelDeployment) -> int:
    """Seconds that the engine may take for its running requests; the rest of the grace period is for leaving the
    endpoints before and for exiting after."""
    return grace_period(model) - LEAVE_ENDPOINTS - 5


def _parallel(engine: Engine) -> list[str]:
    flags = []
    for axis, size in spread(engine)._asdict().items():
        flags += [f"--{axis}-parallel-size", str(size)] if size > 1 else []
    if engine.parallelism and engine.parallelism.expert:
        flags.append("--enable-expert-parallel")
    return flags


def _limits(engine: Engine) -> list[str]:
    flags = ["--max-num-seqs", str(engine.max_num_seqs)]
    if engine.max_model_len:
        flags += ["--max-model-len", str(engine.max_model_len)]
    if engine.max_waiting_requests is not None:
        # the flag counts running and waiting requests together; every data-parallel copy has a running batch of its own
        running = engine.max_num_seqs * spread(engine).data
        flags += ["--max-num-queued-reqs", str(running + engine.max_waiting_requests)]
    return flags


def _memory(engine: Engine) -> list[str]:
    flags = []
    if engine.gpu_memory_utilization:
        flags += ["--gpu-memory-utilization", plain(fraction(engine.gpu_memory_utilization))]
    if engine.kv_offload and not engine.kv_offload.beyond_memory():
        # the flag is what all Pods of a replica have together, and what each data-parallel copy takes
        gibibytes = amount(engine.kv_offload.host_memory) / amount("1Gi")
        flags += ["--kv-offloading-size", plain(gibibytes * group_size(engine) / spread(engine).data)]
    return flags


def plain(number: Decimal) -> str:
    """A decimal without exponent and trailing zeros, at most four places."""
    text = f"{number:.4f}"
    return text.rstrip("0").rstrip(".")
