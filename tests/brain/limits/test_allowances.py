"""Parts of limits that Envoy takes by itself: never more than a limit, and what is not taken comes back."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.brain.limits.support import FREE, UNKNOWN, Clock, answered, ask, configured, parsed, requests, tokens
from tests.brain.limits.test_counting import used
from tidegate.brain.limits.allowances import GRACE, HOLDS
from tidegate.brain.limits.counting import Counting
from tidegate.brain.limits.pace import FIRST
from tidegate.contract.limits import Limit
from tidegate.names import ALLOWANCE_HEADER

SLICE = 2000
"""Milliseconds, of a minute."""


class Front:
    """A router: the brain's half, and what Envoy does with what it is told."""

    def __init__(self, folder: Path, *each: Limit, **more: Any) -> None:
        self.clock = Clock(1_000_000_000)
        self.counting = Counting(self.clock, self.clock)
        self.counting.follow(configured(*each, **more))
        self.path = folder / "allowances"
        self.given: list[str] = []
        self._open = self.counting.allowances.ledger.opened(self.path)
        self._open.__enter__()

    def close(self) -> None:
        """It ends."""
        self._open.__exit__(None, None, None)

    def ask(self, client: str = "acme", **more: Any) -> tuple[int, dict[str, str], bytes]:
        """Envoy asks, and keeps what it may take."""
        told = answered(self.counting, ask(client, **more))
        if ALLOWANCE_HEADER in told[1]:
            self.given.append(told[1][ALLOWANCE_HEADER])
        return told

    def take(self, given: str, requests: int, tokens: int = 0) -> None:
        """So much in all, as native/src/allowance/ledger.rs writes it down."""
        identity, slot = map(int, given.split()[:2])
        with self.path.open("r+b") as file:
            file.seek(slot * 24)
            file.write(struct.pack(">QQQ", identity, requests, tokens))

    def later(self, milliseconds: int) -> None:
        """And what is over is settled."""
        self.clock.now += milliseconds
        self.counting.allowances.settle()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """Of a policy with a thousand requests a minute for each client."""
    made = Front(tmp_path, requests(1000))
    yield made
    made.close()


def test_who_comes_again_is_given_some(front: Front) -> None:
    assert [ALLOWANCE_HEADER in front.ask()[1] for _ in range(3)] == [False, True, False]
    [given] = front.given
    words = given.split(" ")
    until = front.clock.now + HOLDS
    assert words[2:10] == [
        str(until),
        str(FIRST),
        "0",
        str(1 << 62),
        "1024",
        "chat",
        "acme",
        "/v1/chat/completions",
    ]
    assert words[10:] == ["told", "requests", "1000", str(1000 - 2 - FIRST), "1m2s"]
    assert used(front.counting) == 3 + FIRST
    assert ALLOWANCE_HEADER not in front.ask("globex")[1], "nobody else has it"


def test_what_is_not_taken_comes_back(front: Front) -> None:
    front.ask(), front.ask()
    front.take(front.given[0], 3)
    front.later(HOLDS + GRACE - 1)
    assert used(front.counting) == 2 + FIRST
    front.later(1)
    assert used(front.counting) == 2 + 3


def test_who_used_all_of_it_is_given_twice_as_much(front: Front) -> None:
    front.ask(), front.ask()
    front.take(front.given[0], 5)
    front.ask()
    assert len(front.given) == 1, "enough is on its way, or taken by others"
    front.take(front.given[0], 6)
    front.ask()
    assert front.given[1].split()[3] == str(2 * FIRST)
    assert used(front.counting) == 4 + 3 * FIRST
    front.later(HOLDS + GRACE)
    assert used(front.counting) == 4 + 6


def test_who_has_used_less_when_its_time_is_nearly_over_is_given_as_much(front: Front) -> None:
    front.ask(), front.ask()
    front.take(front.given[0], 5)
    front.later(HOLDS * 3 // 4 - 1)
    front.ask()
    assert len(front.given) == 1
    front.later(1)
    front.ask()
    assert front.given[1].split()[3] == "5"


def test_who_comes_too_rarely_to_use_it_up_is_given_none_again(front: Front) -> None:
    for _ in range(9):
        front.ask()
        front.later(1500)
    assert len(front.given) == 1
    assert used(front.counting) == 9
    front.ask(), front.ask()
    assert len(front.given) == 2, "it comes more often now"


def test_nothing_is_given_where_little_is_left(tmp_path: Path) -> None:
    front = Front(tmp_path, requests(60))
    assert [front.ask()[0] for _ in range(61)] == [200] * 60 + [429]
    assert not front.given
    front.close()


def test_it_ends_with_the_slice_in_which_it_was_counted(front: Front) -> None:
    front.clock.now += SLICE - front.clock.now % SLICE - 150
    front.ask(), front.ask()
    assert int(front.given[0].split()[2]) == front.clock.now + 150
    front.later(150 + GRACE)
    front.clock.now += SLICE - front.clock.now % SLICE - 50
    front.ask(), front.ask()
    assert len(front.given) == 1, "too late in this one"
    assert used(front.counting) == 4


@pytest.mark.parametrize("limit", [requests(1000, per="Address"), requests(1000, window=1)], ids=["address", "second"])
def test_where_nothing_is_given(tmp_path: Path, limit: Limit) -> None:
    front = Front(tmp_path, limit)
    for _ in range(9):
        front.ask()
    assert not front.given
    assert used(front.counting) in (0, 9)
    front.close()


def test_a_request_whose_route_is_asked_about_too_has_none(front: Front) -> None:
    for _ in range(3):
        reply = front.counting.ask(ask(), lambda: FREE, UNKNOWN, allow=False)
        assert isinstance(reply, bytes)
        assert ALLOWANCE_HEADER not in parsed(reply)[1]
    assert used(front.counting) == 3


def test_tokens(tmp_path: Path) -> None:
    front = Front(tmp_path, tokens(100_000), requests(1000, per="Model"), lengths={"chat": 600})
    front.ask(text=40, most=90), front.ask(text=40, most=90)
    words = front.given[0].split(" ")
    assert words[3:7] == [str(FIRST), str(100 * FIRST), "600", "1024"]
    at = str(front.clock.now // SLICE)
    assert words[10:] == [
        *("told", "tokens", "100000", str(100_000 - 200 - 100 * FIRST), "1m2s"),
        *("told", "requests", "1000", str(1000 - 2 - FIRST), "1m2s"),
        *("reserved", "tidegate:{test/front}:tokens:t2000:acme", at, "2000"),
    ]
    front.take(front.given[0], 3, 250)
    front.later(HOLDS + GRACE)
    assert (used(front.counting), used(front.counting, 1)) == (450, 5)


def test_paths_that_write_nothing_reserve_their_prompt(tmp_path: Path) -> None:
    front = Front(tmp_path, tokens(100_000))
    front.ask(text=40, path="/v1/embeddings"), front.ask(text=40, path="/v1/embeddings")
    assert front.given[0].split(" ")[4:7] == [str(10 * FIRST), str(1 << 62), "-"]
    front.close()


def test_all_clients_together_hold_a_small_part_of_a_limit_that_they_share(tmp_path: Path) -> None:
    front = Front(tmp_path, requests(1000, per="Policy"))
    for client in range(20):
        front.ask(f"client-{client}"), front.ask(f"client-{client}")
    sizes = [int(given.split()[3]) for given in front.given]
    assert sizes[:2] == [FIRST, FIRST]
    assert sum(sizes) <= 1000 // 16
    front.later(HOLDS + GRACE)
    assert used(front.counting) == 40
    front.ask("another"), front.ask("another")
    assert front.given[-1].split()[3] == str(FIRST), "nothing is held any more"
    front.close()


def test_when_nobody_can_tell_what_was_taken_all_of_it_was(front: Front) -> None:
    front.ask(), front.ask()
    identity, slot = front.given[0].split()[:2]
    front.take(f"{int(identity) + 5} {slot}", 0)
    front.later(HOLDS + GRACE)
    assert used(front.counting) == 2 + FIRST


def test_other_limits_begin_anew(front: Front) -> None:
    front.ask(), front.ask()
    front.counting.follow(configured(requests(500)))
    front.ask()
    assert len(front.given) == 1
    front.later(HOLDS + GRACE)
    assert used(front.counting) == 3


def test_a_clock_that_is_set_does_not_give_back_early(tmp_path: Path) -> None:
    front = Front(tmp_path, requests(1000))
    front.counting = Counting(front.clock, passed := Clock(0))
    front.counting.follow(configured(requests(1000)))
    with front.counting.allowances.ledger.opened(front.path):
        front.ask(), front.ask()
        front.clock.now += 3_600_000
        front.counting.allowances.settle()
        assert used(front.counting) == 0, "left its window"
        passed.now += HOLDS + GRACE
        front.counting.allowances.settle()
    front.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.integers(40, 900), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 300)), max_size=60))
def test_never_more_than_the_limit_and_nothing_is_lost(
    tmp_path: Path, amount: int, doing: list[tuple[int, int]]
) -> None:
    """Requests pass by allowance, as far as they hold, or by question; a minute's worth in all."""
    front = Front(tmp_path, requests(amount))
    let, begun, room = 0, front.clock.now, [0, 0, 0]  # until, had, taken
    for wait, count in doing:
        front.later(wait)
        for _ in range(count):
            until, had, taken = room
            if front.given and front.clock.now < until and taken < had:
                room[2] += 1
                front.take(front.given[-1], room[2])
                let += 1
                continue
            known = len(front.given)
            let += front.ask()[0] == 200
            if len(front.given) > known:
                words = front.given[-1].split()
                room = [int(words[2]), int(words[3]), 0]
        if front.clock.now - begun > 50_000:
            break
        assert let <= amount
        assert used(front.counting) >= let
    front.later(HOLDS + GRACE)
    assert used(front.counting) == let
    front.close()
