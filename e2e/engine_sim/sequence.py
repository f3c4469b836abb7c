"""One prompt being answered, as the scheduler sees it."""

import zlib
from collections.abc import Sequence as Tokens
from dataclasses import dataclass, field
from typing import Any

from e2e.engine_sim.kvcache import chain_hash


@dataclass(slots=True, eq=False)
class Sequence:
    """A prompt and the answer that was planned for it. Times are seconds on the scheduler's clock.

    Args:
        prompt: prompt token ids.
        output: the token ids that will be generated, in order; empty for an embedding.
        arrival: when the request came in.
        adapter: name of the LoRA adapter, or empty.
        owner: whoever gets the tokens; the scheduler never looks inside.
    """

    prompt: Tokens[int]
    output: Tokens[int]
    arrival: float
    adapter: str = ""
    owner: Any = None

    computed: int = 0
    """Tokens whose keys and values are in the cache."""
    generated: int = 0
    blocks: list[int] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    running: bool = False
    done: bool = False

    cached: int = 0
    """Prompt tokens found in the prefix cache when first scheduled (device tier)."""
    offloaded: int = 0
    """The same in the tiers below the device."""
    from_disk: int = 0
    """Of these, in those below host memory."""
    preemptions: int = 0
    scheduled_at: float | None = None
    first_token_at: float | None = None
    last_token_at: float | None = None

    @property
    def known(self) -> int:
        """Tokens that exist by now: the prompt and what was generated."""
        return len(self.prompt) + self.generated

    def block_hashes(self, count: int, block_size: int) -> list[int]:
        """The chained hashes of the first `count` full blocks; adapters do not share blocks."""
        while len(self.hashes) < count:
            parent = self.hashes[-1] if self.hashes else zlib.crc32(self.adapter.encode())
            start = len(self.hashes) * block_size
            self.hashes.append(chain_hash(parent, self._tokens(start, start + block_size)))
        return self.hashes[:count]

    def _tokens(self, start: int, end: int) -> list[int]:
        split = len(self.prompt)
        return [*self.prompt[start:end], *self.output[max(0, start - split) : max(0, end - split)]]
