"""What was purged a moment ago."""

from __future__ import annotations

import time

import pytest

from tests.brain.cache.support import entry, key
from tidegate.brain.cache.match import Match
from tidegate.brain.cache.stored.news import Forgotten, Purge
from tidegate.brain.cache.stored.recent import KEPT, MOST, MOST_KEYS, Recent

NOW = time.time()
ACME = Match(tenant="acme")


@pytest.mark.parametrize("news", [Purge(ACME, NOW), Forgotten((key("b"), key("a")), NOW)])
def test_what_was_stored_until_then_and_nothing_later(news: Purge | Forgotten) -> None:
    recent = Recent()
    assert not recent.forbids(entry(stored=NOW), NOW)
    recent.add(news)
    recent.add(news)
    assert recent.forbids(entry(stored=NOW - 5), NOW)
    assert recent.forbids(entry(stored=NOW), NOW)
    assert not recent.forbids(entry(stored=NOW + 0.1), NOW)
    assert not recent.forbids(entry("c", tenant="other", stored=NOW - 5), NOW)


def test_one_that_is_told_later_of_before_takes_nothing_back() -> None:
    recent = Recent()
    for at in (NOW, NOW - 10):
        recent.add(Forgotten((key("a"),), at))
        recent.add(Purge(ACME, at))
    assert recent.forbids(entry(stored=NOW - 1, tenant="other"), NOW)
    assert recent.forbids(entry("c", stored=NOW - 1), NOW)


def test_it_is_bounded() -> None:
    recent = Recent()
    recent.add(Purge(ACME, NOW))
    recent.add(Forgotten((key("a"),), NOW))
    assert not recent.forbids(entry("b", stored=NOW - 1), NOW + KEPT + 1), "an hour later"
    for number in range(MOST + 1):
        recent.add(Purge(Match(tenant=str(number)), NOW))
    for number in range(0, MOST_KEYS, 500):
        recent.add(Forgotten(tuple(key(n) for n in range(number, number + 500)), NOW))
    assert not recent.forbids(entry("a", tenant="0", stored=NOW - 1), NOW)
    assert recent.forbids(entry("x", tenant="1", stored=NOW - 1), NOW)
    assert recent.forbids(entry(0, tenant="x", stored=NOW - 1), NOW)
