"""The argv of an engine: spec.engine as flags of `vllm serve`, a list and never a shell string."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tidegate import names
from tidegate.api.engine import Engine
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.values import amount, fraction, seconds
from tidegate.plan.model.weights import weights

LEAVE_ENDPOINTS: Final = 5
"""Seconds between a Pod's deletion and SIGTERM, in which routers stop sending to it: a draining engine answers new
requests with 500, so traffic has to leave before."""


def argv(model: ModelDeployment) -> list[str]:
    """Everything after `vllm serve`; the user's own flags come last."""
    engine = model.spec.engine
    source = weights(model)
    return [
        source.model,
        "--host", "0.0.0.0",  # noqa: S104 - inside the Pod
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


def spread(engine: Engine) -> tuple[int, int]:
    """Tensor and pipeline parallelism; by default all GPUs of the Pod work on each layer together."""
    if engine.parallelism:
        return engine.parallelism.tensor, engine.parallelism.pipeline
    return max(engine.gpus.count, 1), 1


def group_size(engine: Engine) -> int:
    """Pods of one replica: 1, or as many as tensor x pipeline needs at `gpus.count` each."""
    tensor, pipeline = spread(engine)
    return tensor * pipeline // max(engine.gpus.count, 1)


def grace_period(model: ModelDeployment) -> int:
    """Whole seconds from a Pod's deletion to SIGKILL: `drain.timeout`."""
    return int(seconds(model.spec.drain.timeout))


def shutdown_timeout(model: ModelDeployment) -> int:
    """Seconds that the engine may take for its running requests; the rest of the grace period is for leaving the
    endpoints before and for exiting after."""
    return grace_period(model) - LEAVE_ENDPOINTS - 5


def _parallel(engine: Engine) -> list[str]:
    tensor, pipeline = spread(engine)
    flags = []
    if tensor > 1:
        flags += ["--tensor-parallel-size", str(tensor)]
    if pipeline > 1:
        flags += ["--pipeline-parallel-size", str(pipeline)]
    return flags


def _limits(engine: Engine) -> list[str]:
    flags = ["--max-num-seqs", str(engine.max_num_seqs)]
    if engine.max_model_len:
        flags += ["--max-model-len", str(engine.max_model_len)]
    if engine.max_waiting_requests is not None:
        # the flag counts running and waiting requests together
        flags += ["--max-num-queued-reqs", str(engine.max_num_seqs + engine.max_waiting_requests)]
    return flags


def _memory(engine: Engine) -> list[str]:
    flags = []
    if engine.gpu_memory_utilization:
        flags += ["--gpu-memory-utilization", plain(fraction(engine.gpu_memory_utilization))]
    if engine.kv_offload:
        gibibytes = amount(engine.kv_offload.host_memory) / amount("1Gi")
        flags += ["--kv-offloading-size", plain(gibibytes)]
    return flags


def plain(number: Decimal) -> str:
    """A decimal without exponent and trailing zeros, at most four places."""
    text = f"{number:.4f}"
    return text.rstrip("0").rstrip(".")
