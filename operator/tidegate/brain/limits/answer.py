"""What Envoy is told about a request, and through it the client.

`x-ratelimit-*` is as OpenAI has it: of the limit of requests and of that of tokens that has least left; `reset` is when all of it is free again.
A request that is larger than a whole limit is told not to come again, in words, and by a header that libraries of OpenAI and Anthropic read.

https://platform.openai.com/docs/guides/rate-limits, https://docs.anthropic.com/en/api/errors
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from tidegate.brain.limits.rules import Rule
from tidegate.brain.limits.windows import Charge, Verdict
from tidegate.brain.limits.words import duration
from tidegate.envoy import anthropic, paths

PHRASE: Final = b"HTTP/1.1 429 Too Many Requests\r\n"
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/+=-")

Counted = tuple[Rule, Charge, Verdict]


def least(counted: Iterable[Counted], *, taken: bool = True) -> dict[str, tuple[int, Counted]]:
    """By unit the limit that has least left, and how much; `taken`: what it is about is counted."""
    least: dict[str, tuple[int, Counted]] = {}
    for each in counted:
        rule, charge, verdict = each
        left = charge.amount - verdict.used - (charge.cost if taken else 0)
        known = least.get(rule.unit)
        if known is None or left < known[0]:
            least[rule.unit] = (left, each)
    return least


def headers(counted: Sequence[Counted], *, taken: bool) -> str:
    """Lines of `x-ratelimit-*`; `taken`: the request is counted."""
    return "".join([_lines(left, each, taken) for left, each in least(counted, taken=taken).values()])


def _lines(left: int, counted: Counted, taken: bool) -> str:
    rule, charge, verdict = counted
    unit, reset = rule.unit, rule.reset
    if not taken and (verdict.wait_ms or not verdict.used):
        reset = duration(verdict.reset_ms)
    return (
        f"x-ratelimit-limit-{unit}: {charge.amount}\r\nx-ratelimit-remaining-{unit}: {left if left > 0 else 0}\r\n"
        f"x-ratelimit-reset-{unit}: {reset}\r\n"
    )


def refusal(counted: Sequence[Counted], path: str, request: str) -> bytes:
    """A whole answer: of those limits that have no room the one that has it last. `request` is the request's own name."""
    rule, charge, verdict = max(full(counted), key=lambda each: each[2].wait_ms)
    never = charge.cost > charge.amount
    message = _too_large(rule, charge) if never else _later(rule, charge, verdict)
    body = json.dumps(_shaped(rule, message, path, request)).encode()
    seconds = max(1, -(-verdict.wait_ms // 1000))
    told = f"content-type: application/json\r\nretry-after: {seconds}\r\n{headers(counted, taken=False)}"
    never_again = "x-should-retry: false\r\n" if never else ""
    return PHRASE + f"{told}{never_again}content-length: {len(body)}\r\n\r\n".encode() + body


def fits(counted: Iterable[Counted]) -> bool:
    """Whether all have room."""
    for _, _, verdict in counted:  # noqa: SIM110 - half of what all() of a generator costs
        if verdict.wait_ms:
            return False
    return True


def full(counted: Iterable[Counted]) -> list[Counted]:
    """Those that have no room."""
    return [each for each in counted if each[2].wait_ms]


def _later(rule: Rule, charge: Charge, verdict: Verdict) -> str:
    return (
        f"Limit {rule.name} is reached: {charge.amount} {rule.unit} in {_window(rule)}{_whose(rule)}, of which {verdict.used} are used "
        f"and this request needs {charge.cost}. Try again in {duration(verdict.wait_ms)}."
    )


def _too_large(rule: Rule, charge: Charge) -> str:
    return (
        f"This request asks for {charge.cost} {rule.unit}, and limit {rule.name} allows {charge.amount} in {_window(rule)}{_whose(rule)}: "
        "ask for a smaller max_tokens, or send a shorter prompt."
    )


def _window(rule: Rule) -> str:
    """`1m` and not `1m0s`."""
    return duration(round(rule.window_seconds * 1000)).replace("m0s", "m").replace("h0m", "h")


def _whose(rule: Rule) -> str:
    return "" if rule.per == "Policy" else f" for each {rule.per.lower()}"


def _shaped(rule: Rule, message: str, path: str, request: str) -> dict[str, object]:
    if path.startswith(paths.MESSAGES):
        return {**anthropic.error(429, message), "request_id": request if _SAFE.issuperset(request) else ""}
    return {"error": {"message": message, "type": rule.unit, "param": None, "code": "rate_limit_exceeded"}}
