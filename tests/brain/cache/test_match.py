"""Which answers are meant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.brain.cache.support import entry
from tidegate.brain.cache.admin import Criteria
from tidegate.brain.cache.asked import LONGEST_QUESTION
from tidegate.brain.cache.keeper import _match as wanted
from tidegate.brain.cache.match import Match, about, question_digest


@pytest.mark.parametrize("part", ["kind", "tenant", "model", "backend", "revision", "question"])
def test_each_word_says_which(part: str) -> None:
    known = about(entry())
    own = getattr(known, part)
    other: Any = b"x" if isinstance(own, bytes) else "x"
    for match, meant in ((Match()._replace(**{part: own}), True), (Match()._replace(**{part: other}), False)):
        assert match.fits(known) == match.means(entry()) == meant


def test_all_words_together_and_none() -> None:
    known = about(entry())
    assert Match().fits(known)
    assert Match(question=question_digest(entry().question), tenant="acme").fits(known)
    assert not Match(question=question_digest(entry().question), tenant="other").fits(known)
    assert not Match(tenant="").fits(known), "the whole policy's are nobody's"


def test_a_long_prompt_means_what_is_kept_of_it() -> None:
    prompt = "x" * (LONGEST_QUESTION + 1)
    assert wanted(Criteria(prompt=prompt)).means(entry(question=prompt[:LONGEST_QUESTION]))
