"""Which answers are meant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.brain.cache.support import entry
from tidegate.brain.cache.match import Match, about, question_digest


@pytest.mark.parametrize("part", ["kind", "tenant", "model", "backend", "revision", "question"])
def test_each_word_says_which(part: str) -> None:
    known = about(entry())
    own = getattr(known, part)
    other: Any = b"x" if isinstance(own, bytes) else "x"
    assert Match()._replace(**{part: own}).fits(known)
    assert not Match()._replace(**{part: other}).fits(known)


def test_all_words_together_and_none() -> None:
    known = about(entry())
    assert Match().fits(known)
    assert Match(question=question_digest(entry().question), tenant="acme").fits(known)
    assert not Match(question=question_digest(entry().question), tenant="other").fits(known)
    assert not Match(tenant="").fits(known), "the whole policy's are nobody's"
