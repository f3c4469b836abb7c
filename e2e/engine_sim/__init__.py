"""A vLLM-shaped engine without a model: vLLM's command line, HTTP surface, metrics and queueing. See README.md."""

VERSION = "0.32.0"
"""The version of vLLM whose recordings this simulator is held against."""
