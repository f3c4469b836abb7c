"""Which counters a request is counted in, and at what cost: a pure function of the request and the policy's limits.

limit of   cost
--------   --------------------------------------------------------------------------------------------------------
requests   1
tokens     a prompt of text / 4 bytes, and for each answer max_tokens, or ASSUMED where the request does not say; neither
           is longer than the model takes, where that is known. Paths that write nothing have no answer. Where ASSUMED
           would be more than the limit, it is the limit.

The cost in tokens is a reservation: what the answer says it used takes its place (reservation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, NamedTuple

from tidegate.brain.limits.asking import Asking
from tidegate.brain.limits.windows import SLICES, Charge, slice_of
from tidegate.brain.limits.words import duration
from tidegate.contract.limits import Limit, Limits

TEXT_PER_TOKEN: Final = 4
"""Bytes. English prose has 4 to 5 of them, code 3; JSON around it counts too. https://platform.openai.com/tokenizer"""
ASSUMED: Final = 1024
"""Tokens of an answer of which the request names no maximum."""
WRITING: Final = (
    "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/audio/", "/cohere/v2/chat", "/v1/systemone",
)  # fmt: skip
"""What paths begin with on which engines write text."""
COUNTING: Final = "/v1/messages/count_tokens"
"""The one below them on which they do not."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit."""

    name: str
    per: str
    tokens: bool
    amount: int
    by_client: Mapping[str, int]
    window_seconds: float
    slice_ms: int
    prefix: str
    """Of its counters' keys."""
    unit: str
    """In the names of headers."""
    reset: str
    """When all is free again after a request that is counted now, in the words of a header."""

    who: Callable[[Asking], str]
    """Whose counter it is."""


WHO: Final[Mapping[str, Callable[[Asking], str]]] = {
    "Client": attrgetter("client"),
    "Address": attrgetter("address"),
    "Model": attrgetter("model"),
    "Policy": lambda _: "",
}


class Cost(NamedTuple):
    """What a request takes of limits of tokens."""

    prompt: int
    answer: int
    named: bool
    """Whether the request named a maximum, or has no answer."""


class Price(NamedTuple):
    """Of all requests for a model at a path."""

    longest: int | None
    """Tokens that the model takes; None where nobody knows."""
    assumed: int | None
    """Tokens of an answer that names no maximum; None where nothing is written."""


NOTHING: Final = Cost(0, 0, named=True)


class Rules:
    """All limits of a policy."""

    def __init__(self, limits: Limits, policy: str) -> None:
        """`policy` is its namespace and name: counters of several may stand in one store."""
        self.each = tuple(_rule(limit, policy) for limit in limits.each)
        self.life = f"tidegate:{{{policy}}}:life"
        """The key by which a store that has lost the policy's counts is known."""
        self._lengths = limits.lengths
        self.by_address = any(rule.per == "Address" for rule in self.each)
        """Whether any limit is for each address."""
        self._tokens = any(rule.tokens for rule in self.each)

    def cost(self, asking: Asking) -> Cost:
        """In tokens."""
        if not self._tokens:
            return NOTHING
        longest = self._lengths.get(asking.model)
        prompt = -(-asking.text // TEXT_PER_TOKEN)
        if not writes(asking.path):
            return Cost(_least(prompt, longest), 0, named=True)
        answer = _least(ASSUMED if asking.most is None else asking.most, longest)
        return Cost(_least(prompt, longest), answer * asking.copies, named=asking.most is not None)

    def price(self, asking: Asking) -> Price:
        """How others of its kind are charged."""
        return Price(self._lengths.get(asking.model), ASSUMED if writes(asking.path) else None)

    def charges(self, asking: Asking, cost: Cost, share: int = 1) -> list[Charge]:
        """One for each limit, in their order. `share`: so many routers count apart, and this one has its part, rounded up."""
        return [_charge(rule, asking, cost, share) for rule in self.each]


def writes(path: str) -> bool:
    """Whether engines write text there."""
    return path.startswith(WRITING) and not path.startswith(COUNTING)


def _charge(rule: Rule, asking: Asking, cost: Cost, share: int) -> Charge:
    subject = rule.who(asking)
    amount = rule.by_client.get(subject, rule.amount) if rule.by_client else rule.amount
    if share > 1:
        amount = -(-amount // share)
    if not rule.tokens:
        return Charge(rule.prefix + subject, amount, 1, rule.slice_ms)
    whole = cost.prompt + cost.answer
    tokens = whole if cost.named or whole <= amount else max(amount, cost.prompt)
    return Charge(rule.prefix + subject, amount, tokens, rule.slice_ms)


def _least(number: int, most: int | None) -> int:
    return number if most is None else min(number, most)


def _rule(limit: Limit, policy: str) -> Rule:
    width = slice_of(limit.window_seconds)
    return Rule(
        name=limit.name,
        per=limit.per,
        tokens=limit.of == "tokens",
        amount=limit.amount,
        by_client={client: other.amount for other in limit.overrides for client in other.clients},
        window_seconds=limit.window_seconds,
        slice_ms=width,
        unit=limit.of,
        reset=duration((SLICES + 1) * width),
        who=WHO[limit.per],
        # another window or another unit is another count; the braces keep a policy's keys together in a cluster of stores
        prefix=f"tidegate:{{{policy}}}:{limit.name}:{limit.of[0]}{width}:",
    )
