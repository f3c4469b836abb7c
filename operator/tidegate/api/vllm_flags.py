"""Spellings of `vllm serve`'s flags that are the operator's, by the long one. Written by `make crds`; do not edit."""

from typing import Final

SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "--data-parallel-multi-port-external-lb": ("-dpm",),
    "--data-parallel-size": ("-dp",),
    "--enable-force-include-usage": ("--no-enable-force-include-usage",),
    "--enable-lora": ("--no-enable-lora",),
    "--gpu-memory-utilization": ("--device-memory-utilization",),
    "--nnodes": ("-n",),
    "--node-rank": ("-r",),
    "--pipeline-parallel-size": ("-pp",),
    "--quantization": ("-q",),
    "--tensor-parallel-size": ("-tp",),
    "--help": ("-h",),
}

OTHERS: Final = ("-dpa", "-dpb", "-dpe", "-dph", "-dpn", "-dpp", "-dpl", "-dpr")
