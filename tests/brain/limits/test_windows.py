"""Windows that move: no window anywhere sees more than the limit, and the script of the store counts as Python does."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lupa.lua51 import LuaRuntime  # as stores have it

from tidegate.brain.limits.windows import SLICES, Charge, Verdict, Windows, slice_of

WIDTH = 100
WINDOW = SLICES * WIDTH


def charge(cost: int = 1, amount: int = 10, key: str = "k") -> Charge:
    return Charge(key, amount, cost, WIDTH)


def take(windows: Windows, now: int, one: Charge) -> Verdict:
    """Counted, if it fits."""
    (verdict,) = windows.look(now, [one])
    if not verdict.wait_ms:
        windows.add(one.key, verdict.at, one.cost, one.slice_ms)
    return verdict


steps = st.lists(st.tuples(st.integers(0, WINDOW), st.integers(1, 12)), min_size=1, max_size=60)


@given(steps)
def test_no_window_sees_more_than_the_limit(moves: list[tuple[int, int]]) -> None:
    windows, now, taken = Windows(), 0, []
    for pause, cost in moves:
        now += pause
        if not take(windows, now, charge(cost)).wait_ms:
            taken.append((now, cost))
    for begin, _ in taken:
        assert sum(cost for at, cost in taken if begin <= at < begin + WINDOW) <= 10


@given(steps)
def test_who_waits_as_long_as_he_is_told_is_let_in_and_not_before(moves: list[tuple[int, int]]) -> None:
    windows, now = Windows(), 0
    for pause, cost in moves:
        now += pause
        verdict = take(windows, now, charge(cost))
        if verdict.wait_ms and cost <= 10:
            (before,) = windows.look(now + verdict.wait_ms - 1, [charge(cost)])
            assert before.wait_ms
            (then,) = windows.look(now + verdict.wait_ms, [charge(cost)])
            assert not then.wait_ms
            return


def test_of_a_counter_that_nobody_looks_at_what_has_left_the_window_is_forgotten() -> None:
    """A store is asked about it."""
    windows = Windows()
    for at in range(1000):
        windows.add("k", at, 1, WIDTH)
    windows.sweep(999 * WIDTH)
    assert [at for _, at, _, _ in windows.parts()] == list(range(999 - SLICES, 1000))


def test_room_comes_back_at_most_a_slice_late() -> None:
    windows = Windows()
    take(windows, 1234, charge(10))
    assert windows.look(1234 + WINDOW, [charge()])[0].wait_ms <= WIDTH
    assert not windows.look(1234 + WINDOW + WIDTH, [charge()])[0].wait_ms


def test_what_never_fits_waits_a_whole_window() -> None:
    windows = Windows()
    assert take(windows, 5, charge(11)) == (0, 0, WINDOW, 0)
    take(windows, 5, charge(1))
    assert take(windows, 5, charge(11)).wait_ms == WINDOW


def test_what_is_given_back_is_free_where_it_was_taken_and_nowhere_else() -> None:
    windows = Windows()
    early = take(windows, 0, charge(10))
    take(windows, WINDOW + WIDTH, charge(10))
    windows.add("k", early.at, -10, WIDTH)
    assert windows.look(WINDOW + WIDTH, [charge()])[0].used == 10, "what has left is not given back twice"
    windows.add("k", (WINDOW + WIDTH) // WIDTH, -25, WIDTH)
    assert windows.look(WINDOW + WIDTH, [charge()])[0].used == 0, "and nothing is below nothing"
    windows.add("other", 0, -5, WIDTH)
    assert len(windows) == 1


def test_what_is_over_is_forgotten() -> None:
    windows = Windows()
    for client in range(100):
        take(windows, client * WIDTH, charge(key=f"k{client}"))
    windows.sweep(60 * WIDTH)
    assert len(windows) == 100 - (60 - SLICES)
    windows.sweep(10_000_000)
    assert len(windows) == 0


@pytest.mark.parametrize(("seconds", "milliseconds"), [(1, 34), (60, 2000), (3600, 120_000), (1.5, 50)])
def test_slices_cover_their_window(seconds: float, milliseconds: int) -> None:
    assert slice_of(seconds) == milliseconds
    assert milliseconds * SLICES >= seconds * 1000


class FakeRedis:
    """The few commands of the scripts, and a clock."""

    def __init__(self, lua: Any) -> None:
        self.lua, self.now, self.hashes = lua, 0, {}  # type: ignore[var-annotated]

    def call(self, name: str, *words: Any) -> Any:
        return getattr(self, f"_{name.lower()}")(*(text(word) for word in words))

    def _time(self) -> Any:
        return self.lua.table(str(self.now // 1000), str(self.now % 1000 * 1000))

    def _hgetall(self, key: str) -> Any:
        return self.lua.table(*(word for pair in self.hashes.get(key, {}).items() for word in pair))

    def _hget(self, key: str, field: str) -> Any:
        return self.hashes.get(key, {}).get(field)

    def _hdel(self, key: str, *fields: str) -> None:
        for field in fields:
            del self.hashes[key][field]

    def _hincrby(self, key: str, field: str, by: str) -> None:
        known = self.hashes.setdefault(key, {})
        known[field] = str(int(known.get(field, 0)) + int(by))

    def _hset(self, key: str, field: str, value: str) -> None:
        self.hashes.setdefault(key, {})[field] = value

    def _pexpire(self, key: str, milliseconds: str) -> None:
        assert int(milliseconds) >= WINDOW + WIDTH


def text(word: Any) -> str:
    """As Redis gets it from Lua."""
    return str(int(word)) if isinstance(word, float) else str(word)


def script(name: str) -> tuple[FakeRedis, Callable[..., list[int]]]:
    """One of the store's, on a fake of it."""
    lua = LuaRuntime()
    redis = FakeRedis(lua)
    source = resources.files("tidegate.brain.limits").joinpath(f"{name}.lua").read_text()
    function = lua.eval(f"function(redis, KEYS, ARGV) {source} end")
    call = lua.table_from({"call": redis.call})

    def run(keys: list[str], numbers: list[int]) -> list[int]:
        found = function(call, lua.table(*keys), lua.table(*(str(number) for number in numbers)))
        return list(found.values()) if hasattr(found, "values") else [found]

    return redis, run


@given(
    st.lists(
        st.tuples(st.integers(0, WINDOW), st.integers(1, 12), st.integers(1, 12), st.integers(-12, 4)), max_size=40
    )
)
def test_the_stores_script_counts_as_python_does(moves: list[tuple[int, int, int, int]]) -> None:
    redis, admit = script("admit")
    settling, settle = script("settle")
    settling.hashes = redis.hashes
    windows, now = Windows(), 0
    for pause, one, two, more in moves:
        now += pause
        redis.now = now
        charges = [charge(one, 10, "a"), charge(two, 20, "b")]
        wanted = windows.look(now, charges)
        numbers = [number for c in charges for number in (c.amount, c.cost, c.slice_ms)]
        told = admit(["a", "b"], numbers)
        assert [Verdict(*told[i : i + 4]) for i in (0, 4)] == wanted
        if not any(verdict.wait_ms for verdict in wanted):
            for c, verdict in zip(charges, wanted, strict=True):
                windows.add(c.key, verdict.at, c.cost, c.slice_ms)
            windows.add("a", wanted[0].at, more, WIDTH)
            settle(["a"], [wanted[0].at, more, WIDTH])
