"""Questions that the benchmark of caches asks."""

from __future__ import annotations

from benchmarks.cache.questions import words
from tests.embedding.support import needs_model
from tidegate.embedding.local import Local


@needs_model
def test_a_new_question_has_sixteen_tokens_in_either_way() -> None:
    local = Local()
    local.close()
    asked = [f"How {verb} I say {words(number)}?" for verb in ("do", "can") for number in range(300)]
    assert len(set(asked)) == len(asked)
    assert {len(local._split(question)) for question in asked} == {16}
