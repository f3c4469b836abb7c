"""Prompts that fill KV blocks, asked of an engine itself, and what its counters say of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import httpx

from e2e.harness import Object, Place

WORDS = 250
"""Of a prompt: 20 to 40 blocks of 16 tokens."""


@dataclass(frozen=True)
class Engine:
    """One engine of a model."""

    url: str
    model: str

    @classmethod
    def of(cls, place: Place, model: str) -> Engine:
        """The first of a model that is ready."""
        [pod, *_] = place.items("pods", f"tidegate.dev/model={model}")
        return cls(place.cluster.forward_address(pod["status"]["podIP"], 8000), model)

    def ask(self, topic: str) -> int:
        """One long prompt about a topic; the same topic is the same prompt. Returns how many tokens it has."""
        text = " ".join(f"{topic}{number:03}" for number in range(WORDS))
        body = {"model": self.model, "prompt": text, "max_tokens": 4}
        answer = httpx.post(f"{self.url}/v1/completions", json=body, timeout=30)
        answer.raise_for_status()
        usage: Object = answer.json()["usage"]
        return int(usage["prompt_tokens"])

    def counters(self) -> Counter[str]:
        """Tokens that were looked up in, or came from, each tier, by the end of the counter's name and the source."""
        page = httpx.get(f"{self.url}/metrics", timeout=10).text
        found = re.findall(r"^vllm:(external_prefix_cache_\w+)_total\{[^}]*\} (\S+)$", page, re.M)
        found += re.findall(
            r'^vllm:prompt_tokens_cached_by_source_total\{[^}]*source="(\w+)"[^}]*\} (\S+)$', page, re.M
        )
        return Counter({name: int(float(value)) for name, value in found})
