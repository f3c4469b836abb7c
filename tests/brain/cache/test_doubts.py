"""Some hits on similar questions are compared with what an engine says; too many wrong ones end them, and right ones bring them back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.brain.cache.semantic.support import Letters
from tests.brain.cache.support import plain
from tests.brain.cache.test_desk import KEPT, Envoy, Told, cached
from tidegate.brain.cache.doubts import Doubts, text
from tidegate.brain.cache.semantic.semantic import Semantic
from tidegate.brain.cache.similar import SimilarQuestions
from tidegate.brain.cache.stored.standing import NEVER, Standing
from tidegate.contract import cache as contract

GUARDS: tuple[contract.Guard, ...] = ("Numbers", "Dates", "Negation", "Entities")


def settings(**quality: Any) -> contract.Semantic:
    """Of the layer."""
    plain_: dict[str, Any] = {"sample": 1.0, "max_false_hits": 0.1}
    return contract.Semantic(
        threshold=0.8,
        guards=GUARDS,
        conversations="SingleTurn",
        ttl_seconds=600,
        max_entries=100,
        quality=contract.Quality(**plain_ | quality),
    )


class Routed(Envoy):
    """With similar questions, and comparisons by letters or by a judge who says what he is told to."""

    def __init__(self, **quality: Any) -> None:
        super().__init__(cached(KEPT.model_copy(update={"semantic": settings(**quality)})))
        wanted = settings(**quality)
        assert wanted.quality
        self.verdict: object = None
        self.shown: list[dict[str, Any]] = []
        self.draw = 0.5
        tier = self.desk.tiers["kept"]
        similar = SimilarQuestions(Semantic(Letters(), wanted), wanted, lambda: self.now)
        self.told: list[Standing] = []
        self.doubts = Doubts(
            wanted.quality,
            similar,
            wanted,
            self._judge,
            lambda: self.now,
            lambda: self.draw,
            lambda: "mark",
            self.told.append,
        )
        tier.similar, tier.doubts = similar, self.doubts

    async def _judge(self, body: dict[str, Any]) -> object:
        self.shown.append(body)
        return {"choices": [{"message": {"content": self.verdict}}]}

    def turn(self, question: str, answer: str) -> Told:
        """Asked, and answered by an engine where nothing is given; all that comes of it has come."""

        async def run() -> Told:
            ask = self.made(question)
            told = await self._asks(ask)
            if not told.hit:
                self.brings(told, answer)
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others)
            return told

        return asyncio.run(run())


def test_a_hit_that_is_looked_at_is_an_engines_answer() -> None:
    envoy = Routed()
    envoy.turn("How do I feed my little dog?", "Twice a day.")
    assert not envoy.turn("How do I feed my little dogs?", "Twice a day.").hit
    assert envoy.doubts.verdicts == {"right": 1}
    envoy.turn("How do I feed my little doggy?", "Never 7 times.")
    assert envoy.doubts.verdicts == {"right": 1, "wrong": 1}
    assert envoy.doubts.told()["falseHits"] == 1


def test_others_are_given() -> None:
    envoy = Routed(sample=0.4)
    envoy.turn("How do I feed my little dog?", "Twice a day.")
    told = envoy.turn("How do I feed my little dogs?", "")
    assert (told.hit, told.headers["x-tidegate-cache"]) == (True, "hit-semantic")
    envoy.draw = 0.39
    assert not envoy.turn("How do I feed my little dogs?", "Twice a day.").hit


def test_too_many_wrong_ones_end_it_and_right_ones_bring_it_back() -> None:
    envoy = Routed(judge="judge", max_false_hits=0.2)
    envoy.verdict = "DIFFERENT"
    envoy.turn("How do I feed my little dog?", "Twice a day.")
    envoy.draw = 1.0
    letters = "abcdefghijklmnopqrstuvwxyz"
    rounds = iter(f"How do I feed my little dog{one}{other}?" for one in letters for other in letters)
    envoy.draw = 0.0
    while envoy.doubts.on:
        envoy.turn(next(rounds), "x")
    assert 3 <= envoy.doubts.verdicts["wrong"] <= 10
    assert "only questions that are the same word for word" in envoy.doubts.told()["says"]
    assert envoy.doubts.told()["state"] == "ExactOnly"
    envoy.draw, envoy.verdict = 1.0, "SAME"
    while not envoy.doubts.on:
        assert not envoy.turn(next(rounds), "x").hit, "all are looked at meanwhile"
    assert envoy.turn(next(rounds), "").hit
    shown = envoy.shown[-1]
    assert shown["model"] == "judge"
    assert "mark ANSWER NOW" in shown["messages"][1]["content"]


def test_what_it_finds_is_told_and_said_again_where_the_store_has_lost_it() -> None:
    envoy = Routed(max_false_hits=0.2)
    while envoy.doubts.on:
        envoy.doubts._note(False)
    [said] = envoy.told
    assert "maxFalseHits" in said.why
    envoy.doubts.follow(said)
    assert envoy.told == [said]
    envoy.doubts.follow(NEVER)
    assert envoy.told == [said, said]


def test_what_others_have_found_counts_here() -> None:
    envoy = Routed(sample=0.0)
    envoy.turn("How do I feed my little dog?", "Twice a day.")
    envoy.doubts.follow(Standing(1.0, "5 of 9 were wrong"))
    assert not envoy.turn("How do I feed my little dogs?", "Twice a day.").hit
    assert envoy.doubts.told()["says"] == "5 of 9 were wrong"
    envoy.doubts.follow(Standing(2.0, ""))
    assert envoy.turn("How do I feed my little dogss?", "").hit
    assert envoy.told == []


@pytest.mark.parametrize("verdict", [None, "perhaps"])
def test_a_judge_who_says_nothing_counts_for_nothing(verdict: object) -> None:
    envoy = Routed(judge="judge")
    envoy.verdict = verdict
    envoy.turn("How do I feed my little dog?", "Twice a day.")
    envoy.turn("How do I feed my little dogs?", "Never.")
    assert envoy.doubts.verdicts == {"none": 1}


def test_what_a_client_finds_wrong_is_forgotten_and_says_nothing_of_others() -> None:
    envoy = Routed(sample=0.1)
    envoy.turn("How do I feed my little dog?", "Twice a day.")
    told = envoy.asks("How do I feed my little dogs?", headers={"x-tidegate-cache": "forget"})
    assert not told.hit
    envoy.brings(told, "", status=500)
    assert not envoy.turn("How do I feed my little dog?", "").hit
    assert envoy.doubts.verdicts == {}


def test_what_an_answer_says() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": "{}"}}
    message = {"content": None, "tool_calls": [call]}
    assert text(plain(answer=json.dumps({"choices": [{"message": message}]}).encode())) == (
        '{"arguments": "{}", "name": "f"}'
    )


def test_what_an_answer_in_parts_says() -> None:
    message = {"content": [{"type": "text", "text": "Paris"}]}
    assert "Paris" in text(plain(answer=json.dumps({"choices": [{"message": message}]}).encode()))
