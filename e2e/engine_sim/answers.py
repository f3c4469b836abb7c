"""What the engine says: simple English words, the same for the same seed, prompt and adapter."""

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.engine_sim import tokens

_WORDS = (Path(__file__).parent / "words.txt").read_text().split()

_EOS = 0
"""The end token: no bytes, so it adds nothing to the text."""


@dataclass(frozen=True)
class Sampling:
    """What a request says about its answer. `max_tokens` is already limited by the context length."""

    max_tokens: int
    min_tokens: int = 0
    ignore_eos: bool = False
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True)
class Answer:
    """The tokens of an answer and why it ends there."""

    tokens: Sequence[int]
    finish_reason: str
    stop_reason: str | None = None


def answer(prompt: Sequence[int], sampling: Sampling, *, seed: int, index: int = 0, adapter: str = "") -> Answer:
    """The answer to a prompt; `index` tells several answers to one prompt apart."""
    digest = zlib.crc32(" ".join(map(str, prompt)).encode())
    dice = random.Random(f"{seed}/{sampling.seed}/{adapter}/{digest}/{index}")
    natural = max(dice.randint(16, 64), sampling.min_tokens + 1)
    length = sampling.max_tokens if sampling.ignore_eos else min(natural, sampling.max_tokens)
    ends = length == natural and not sampling.ignore_eos
    words = _words(dice, length - ends)
    planned = Answer([*words, _EOS], "stop") if ends else Answer(words, "length")
    return _stopped(planned, sampling)


def _words(dice: random.Random, length: int) -> list[int]:
    """`length` tokens of words, in sentences of a dozen words."""
    generated: list[int] = []
    while len(generated) < length:
        sentence = " ".join(dice.choices(_WORDS, k=12)).capitalize() + "."
        generated += tokens.encode(" " + sentence if generated else sentence)
    return generated[:length]


def _stopped(planned: Answer, sampling: Sampling) -> Answer:
    """The answer cut at the first stop string; the tokens of the stop string itself were generated too."""
    if not sampling.stop:
        return planned
    text = ""
    for count, token in enumerate(planned.tokens, start=1):
        text += tokens.piece(token).decode()
        for stop in sampling.stop:
            if count > sampling.min_tokens and stop in text:
                return Answer(planned.tokens[:count], "stop", stop)
    return planned


def shown(planned: Answer) -> list[str]:
    """The text that each token adds; nothing from a stop string on."""
    pieces = [tokens.piece(token).decode() for token in planned.tokens]
    if planned.stop_reason is None:
        return pieces
    keep = "".join(pieces).index(planned.stop_reason)
    visible = []
    for piece in pieces:
        visible.append(piece[:keep])
        keep = max(0, keep - len(piece))
    return visible
