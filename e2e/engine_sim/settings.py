"""Everything the simulator is told: vLLM's flags and `ENGINE_SIM_*` variables, resolved once into frozen values."""

import json
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from e2e.engine_sim.connector import connector_of
from e2e.engine_sim.faults import Faults, faults_of
from e2e.engine_sim.timing import Timing

_DEFAULT_UTILISATION = 0.92
_WEIGHTS_SHARE = 0.2
"""The share of a GPU's memory that the weights take; the rest of the granted share is KV cache."""
_MODEL_CONTEXT = 32_768
"""The context length in the (imagined) model's configuration."""
_BLOCKS_PER_GIB = 512
"""KV blocks of 16 tokens in a GiB, as for a model with 128 KiB of keys and values a token."""


class BadSettings(Exception):
    """Flags that parse, but that no engine can start with; vLLM exits with status 1."""


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter of `--lora-modules`."""

    name: str
    path: str
    base_model_name: str | None = None


@dataclass(frozen=True)
class ServerSettings:
    """Where and how to listen."""

    host: str
    port: int
    api_keys: tuple[str, ...]
    shutdown_timeout: float
    load_seconds: float
    faults: Faults
    certificate: tuple[str, str] | None = None
    """Files of the certificate and of its key; None listens without TLS."""
    sign: bool = False
    """Whether answers say in `x-engine-sim` which host they come from."""


@dataclass(frozen=True)
class EngineSettings:
    """One engine: its model, its capacity, its manners."""

    root: str
    served_names: tuple[str, ...]
    adapters: tuple[Adapter, ...]
    lora_enabled: bool
    max_adapters: int
    pooling: bool
    max_model_len: int
    max_num_seqs: int
    token_budget: int
    max_queued_requests: int | None
    max_queued_tokens: int | None
    block_size: int
    block_size_given: bool
    num_blocks: int
    host_blocks: int
    offloading_gib: float | None
    prefix_caching: bool
    gpu_memory_utilization: float
    force_usage: bool
    prompt_tokens_details: bool
    track_load: bool
    parallelism: tuple[tuple[str, int], ...]
    tiers: tuple[str, ...] = ()
    """Folders of blocks below host memory."""
    block_file_bytes: int = 4096
    seed: int = 0
    timing: Timing = field(default_factory=Timing)

    @property
    def name(self) -> str:
        """The name in answers and metrics: the first served one."""
        return self.served_names[0]

    def cache_config(self) -> dict[str, str]:
        """The labels of `vllm:cache_config_info` that depend on settings."""
        tokens = self.num_blocks * self.block_size
        return {
            "block_size": str(self.block_size),
            "effective_attention_block_size": str(self.block_size),
            "enable_prefix_caching": str(self.prefix_caching),
            "gpu_memory_utilization": str(self.gpu_memory_utilization),
            "kv_cache_max_concurrency": str(tokens / self.max_model_len),
            "kv_cache_memory_bytes": str(tokens * (2**30 // (_BLOCKS_PER_GIB * 16))),
            "kv_cache_size_tokens": str(tokens),
            "kv_offloading_size": str(self.offloading_gib),
            "num_gpu_blocks": str(self.num_blocks),
            "user_specified_block_size": str(self.block_size_given),
        }


def server_settings(args: Namespace, environment: Mapping[str, str]) -> ServerSettings:
    """How to listen. BadSettings, BadFault where the environment makes no sense."""
    from_environment = [environment["VLLM_API_KEY"]] if environment.get("VLLM_API_KEY") else []
    return ServerSettings(
        host=args.host or "0.0.0.0",
        port=args.port,
        api_keys=tuple(key for key in args.api_key or from_environment if key),
        shutdown_timeout=float(args.shutdown_timeout),
        load_seconds=_number(environment, "LOAD_SECONDS", 0.3),
        faults=faults_of(environment),
        certificate=(args.ssl_certfile, args.ssl_keyfile) if args.ssl_certfile else None,
        sign=bool(_number(environment, "SIGN", 0)),
    )


def engine_settings(args: Namespace, environment: Mapping[str, str]) -> EngineSettings:
    """The engine. BadSettings where vLLM would give up while loading."""
    block_size = args.block_size or 16
    num_blocks = args.num_gpu_blocks_override or _device_blocks(args, environment, block_size)
    adapters = tuple(_adapters(args.lora_modules or []))
    if adapters and not args.enable_lora:
        raise BadSettings("LoRA is not enabled. Use --enable-lora to enable LoRA.")
    connector = connector_of(args.kv_transfer_config)
    return EngineSettings(
        root=args.model,
        served_names=tuple(args.served_model_name or [args.model]),
        adapters=adapters,
        lora_enabled=bool(args.enable_lora),
        max_adapters=args.max_loras,
        pooling=args.runner == "pooling" or args.convert == "embed",
        max_model_len=_max_model_len(args.max_model_len, (num_blocks - 1) * block_size),
        max_num_seqs=min(args.max_num_seqs or 256, args.max_num_active_seqs or 2**31),
        token_budget=args.max_num_batched_tokens or 8192,
        max_queued_requests=args.max_num_queued_reqs,
        max_queued_tokens=args.max_num_queued_tokens,
        block_size=block_size,
        block_size_given=args.block_size is not None,
        num_blocks=num_blocks,
        host_blocks=int((connector.gib or args.kv_offloading_size or 0) * _blocks_per_gib(block_size)),
        offloading_gib=args.kv_offloading_size,
        prefix_caching=args.enable_prefix_caching is not False,
        gpu_memory_utilization=args.gpu_memory_utilization,
        force_usage=args.enable_force_include_usage,
        prompt_tokens_details=args.enable_prompt_tokens_details,
        track_load=args.enable_server_load_tracking,
        parallelism=_parallelism(args),
        tiers=connector.tiers,
        block_file_bytes=int(_number(environment, "KV_FILE_KIB", 4) * 1024),
        seed=int(_number(environment, "SEED", 0)),
        timing=_timing(environment),
    )


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(f"ENGINE_SIM_{name}")
    try:
        return default if text is None else float(text)
    except ValueError:
        raise BadSettings(f"ENGINE_SIM_{name} must be a number, not {text!r}") from None


def _timing(environment: Mapping[str, str]) -> Timing:
    return Timing(
        prefill_rate=_number(environment, "PREFILL_TOKENS_PER_S", Timing.prefill_rate),
        decode_s=_number(environment, "DECODE_MS", Timing.decode_s * 1000) / 1000,
        batch_slope=_number(environment, "BATCH_SLOPE", Timing.batch_slope),
        speed=_number(environment, "SPEED", Timing.speed),
    )


def _parallelism(args: Namespace) -> tuple[tuple[str, int], ...]:
    sizes = {
        "tp": args.tensor_parallel_size,
        "pp": args.pipeline_parallel_size,
        "dp": args.data_parallel_size,
    }
    return tuple((name, size) for name, size in sizes.items() if size > 1)


def _blocks_per_gib(block_size: int) -> float:
    return _BLOCKS_PER_GIB * 16 / block_size


def _device_blocks(args: Namespace, environment: Mapping[str, str], block_size: int) -> int:
    """KV blocks: `ENGINE_SIM_KV_BLOCKS` at the default utilisation, more or fewer at another; or a size in bytes."""
    if args.kv_cache_memory_bytes:
        return int(args.kv_cache_memory_bytes / 2**30 * _blocks_per_gib(block_size))
    default = 16_384 * 16 / block_size
    share = (args.gpu_memory_utilization - _WEIGHTS_SHARE) / (_DEFAULT_UTILISATION - _WEIGHTS_SHARE)
    if share <= 0:
        raise BadSettings(
            "No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine."
        )
    return int(_number(environment, "KV_BLOCKS", default) * share)


def _max_model_len(given: int | None, cache_tokens: int) -> int:
    """What was given, if the cache can hold it; else the model's context or what the cache can hold of it."""
    if given in (None, -1):
        return min(_MODEL_CONTEXT, cache_tokens)
    if given > cache_tokens:
        raise BadSettings(
            f"To serve at least one request with the model's max seq len ({given}), a larger KV cache is needed than the "
            f"available one. Based on the available memory, the estimated maximum model length is {cache_tokens}. Try "
            "increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."
        )
    return given


def _adapters(given: list[str]) -> list[Adapter]:
    """The adapters of `--lora-modules`: `name=path`, a JSON object or a JSON list of them."""
    adapters = []
    for text in given:
        if text.startswith(("{", "[")):
            parsed: Any = json.loads(text)
            entries = parsed if isinstance(parsed, list) else [parsed]
            adapters += [Adapter(entry["name"], entry["path"], entry.get("base_model_name")) for entry in entries]
        else:
            name, _, path = text.partition("=")
            adapters.append(Adapter(name, path))
    return adapters
