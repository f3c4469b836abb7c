"""Questions as clients ask them: some often, most seldom, and each in some ways to say it.

Which question is asked next is drawn by Zipf's law (exponent EXPONENT, over COUNT questions), and how it is said evenly among WAYS.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate, product
from typing import Final

COUNT: Final = 1500
EXPONENT: Final = 1.0
WAYS: Final = (
    "How do I {verb} a {thing} in the {place}?",
    "How can I {verb} a {thing} in the {place}?",
    "What is the way to {verb} a {thing} in the {place}?",
)
_VERBS: Final = ("repair", "clean", "paint", "move", "sell", "store", "build", "measure", "hang", "wrap")
_THINGS: Final = ("lamp", "chair", "mirror", "shelf", "carpet", "clock", "bicycle", "piano", "sofa", "ladder", "curtain", "radio", "kettle", "desk", "door")  # fmt: skip
_PLACES: Final = ("kitchen", "garden", "cellar", "attic", "office", "garage", "hall", "shop", "school", "barn")


_WORDS: Final = (*_VERBS, *_THINGS, *_PLACES)
"""Each one token of the router's model."""


def words(number: int) -> str:
    """Nine, another nine for each number: with `How do I say ...?` around them 16 tokens, and no two of these questions are near."""
    return " ".join(random.Random(number).sample(_WORDS, 9))


def asked(count: int, seed: int) -> Iterator[str]:
    """So many, one after the other."""
    draw = random.Random(seed)
    all_ = list(product(_VERBS, _THINGS, _PLACES))
    draw.shuffle(all_)
    weights = list(accumulate((rank + 1) ** -EXPONENT for rank in range(COUNT)))
    for verb, thing, place in draw.choices(all_[:COUNT], cum_weights=weights, k=count):
        yield draw.choice(WAYS).format(verb=verb, thing=thing, place=place)
