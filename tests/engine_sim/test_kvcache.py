"""Blocks are handed out, shared by prefix, and evicted in the right order."""

from e2e.engine_sim.kvcache import BlockPool, chain_hash


def test_one_block_is_a_placeholder() -> None:
    pool = BlockPool(5)
    assert pool.free == 4
    assert len(pool.allocate(4) or []) == 4
    assert pool.usage == 1
    assert pool.allocate(1) is None


def test_usage_counts_blocks_in_use() -> None:
    pool = BlockPool(8192)
    pool.allocate(20)
    assert pool.usage == 0.002441704309608106  # as recorded of a real engine with 20 blocks in use


def test_hashes_tell_what_came_before() -> None:
    assert chain_hash(1, [2, 3]) == chain_hash(1, [2, 3])
    assert chain_hash(1, [2, 3]) != chain_hash(2, [2, 3])
    assert chain_hash(1, [2, 3]) != chain_hash(1, [3, 2])


def filled(pool: BlockPool, hashes: list[int]) -> list[int]:
    blocks = pool.allocate(len(hashes)) or []
    for block, block_hash in zip(blocks, hashes, strict=True):
        pool.fill(block, block_hash)
    return blocks


def test_prefixes_are_found_until_the_first_miss() -> None:
    pool = BlockPool(10)
    blocks = filled(pool, [11, 12, 13])
    assert pool.cached([11, 12, 99, 13]) == blocks[:2]
    assert pool.cached([12]) == [blocks[1]]
    assert pool.cached([99, 11]) == []


def test_released_blocks_stay_cached_until_they_are_needed() -> None:
    pool = BlockPool(4)
    blocks = filled(pool, [11, 12, 13])
    pool.release(blocks)
    assert pool.free == 3
    assert pool.cached([11, 12, 13]) == blocks
    pool.allocate(1)
    assert pool.cached([11, 12, 13]) == blocks[:2]  # the end of a prompt goes first


def test_shared_blocks_are_free_when_the_last_user_leaves() -> None:
    pool = BlockPool(4)
    blocks = filled(pool, [11, 12])
    pool.share(blocks)
    pool.release(blocks)
    assert pool.free == 1
    pool.release(blocks)
    assert pool.free == 3


def test_idle_blocks_are_those_without_a_user() -> None:
    pool = BlockPool(6)
    used, idle = filled(pool, [11]), filled(pool, [12])
    pool.release(idle)
    assert pool.idle(used + idle) == 1


def test_without_caching_nothing_is_found() -> None:
    pool = BlockPool(4, caching=False)
    filled(pool, [11])
    assert pool.cached([11]) == []


def test_evicted_blocks_move_to_the_host() -> None:
    pool = BlockPool(3, host_blocks=2)
    for first in (10, 20, 30):
        pool.release(filled(pool, [first, first + 1]))
    assert pool.offloaded([10, 11]) == (0, 0)  # pushed out by what came later
    assert pool.offloaded([20, 21]) == (2, 0)
    assert pool.cached([30, 31]) != []
