"""The paged KV cache: fixed blocks of tokens, shared by prefix, evicted least recently used first.

Pure: no clock, no I/O. Blocks hold no data, only who uses them and which tokens they stand for (a hash chained over
all tokens before them, as vLLM's prefix cache does). Block 0 of vLLM is a placeholder, so one block is never handed out.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Protocol


def chain_hash(parent: int, tokens: Sequence[int]) -> int:
    """The hash of a full block whose predecessor hashes to `parent`."""
    return hash((parent, *tokens))


class Below(Protocol):
    """Tiers below host memory: every block that is computed is kept there, until somebody removes it."""

    def has(self, block_hash: int, /) -> bool:
        """Whether it is there."""

    def keep(self, block_hash: int, /) -> None:
        """It is computed."""


class BlockPool:
    """`num_blocks` blocks on the device, and a second tier of `host_blocks` that takes what is evicted."""

    def __init__(
        self, num_blocks: int, *, caching: bool = True, host_blocks: int = 0, below: Below | None = None
    ) -> None:
        self.size = num_blocks - 1
        self._caching = caching
        self._host_size = host_blocks
        self._below = below
        self._unused = self.size
        self._free: OrderedDict[int, None] = OrderedDict()
        self._users: dict[int, int] = {}
        self._hash_of: dict[int, int] = {}
        self._block_of: dict[int, int] = {}
        self._host: OrderedDict[int, None] = OrderedDict()

    @property
    def free(self) -> int:
        """Blocks that can be handed out, cached ones included."""
        return self._unused + len(self._free)

    @property
    def usage(self) -> float:
        """The share of blocks in use, 0 to 1."""
        return 1.0 - self.free / self.size

    def cached(self, hashes: Iterable[int]) -> list[int]:
        """The blocks of the longest cached prefix; they are not taken yet."""
        blocks = []
        for block_hash in hashes:
            block = self._block_of.get(block_hash)
            if block is None:
                break
            blocks.append(block)
        return blocks

    def offloaded(self, hashes: Iterable[int]) -> tuple[int, int]:
        """How many leading blocks are in host memory or below, and how many of these below alone."""
        count = below = 0
        for block_hash in hashes:
            if block_hash in self._host:
                self._host.move_to_end(block_hash)
            elif self._below and self._below.has(block_hash):
                below += 1
            else:
                break
            count += 1
        return count, below

    def idle(self, blocks: Iterable[int]) -> int:
        """How many of these cached blocks nobody uses: taking them makes fewer blocks free."""
        return sum(block in self._free for block in blocks)

    def share(self, blocks: Iterable[int]) -> None:
        """Takes cached blocks for one more user."""
        for block in blocks:
            self._free.pop(block, None)
            self._users[block] = self._users.get(block, 0) + 1

    def allocate(self, count: int) -> list[int] | None:
        """`count` blocks for one user, or None (and nothing taken) where so many are not free."""
        if count > self.free:
            return None
        blocks = [self._next() for _ in range(count)]
        self._users.update(dict.fromkeys(blocks, 1))
        return blocks

    def fill(self, block: int, block_hash: int) -> None:
        """Says which tokens a full block stands for, so that later prompts can share it."""
        if self._caching and block not in self._hash_of and block_hash not in self._block_of:
            self._hash_of[block] = block_hash
            self._block_of[block_hash] = block
            if self._below:
                self._below.keep(block_hash)

    def release(self, blocks: Sequence[int]) -> None:
        """Gives one user's blocks back; the end of a sequence is evicted before its beginning."""
        for block in reversed(blocks):
            self._users[block] -= 1
            if self._users[block] == 0:
                del self._users[block]
                self._free[block] = None

    def _next(self) -> int:
        if self._unused:
            self._unused -= 1
            return self.size - self._unused
        block, _ = self._free.popitem(last=False)
        self._evict(block)
        return block

    def _evict(self, block: int) -> None:
        block_hash = self._hash_of.pop(block, None)
        if block_hash is None:
            return
        del self._block_of[block_hash]
        if self._host_size:
            self._host[block_hash] = None
            self._host.move_to_end(block_hash)
            if len(self._host) > self._host_size:
                self._host.popitem(last=False)
