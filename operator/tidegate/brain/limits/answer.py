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
from tidegate.envoy import anthropic, paths

PHRASE: Final = b"HTTP/1.1 429 Too Many Requests\r\n"
_NAMES: Final = {False: "requests", True: "tokens"}
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/+=-")

Counted = tuple[Rule, Charge, Verdict]


def headers(counted: Sequence[Counted], *, taken: bool) -> str:
    """Lines of `x-ratelimit-*`; `taken`: the request is counted."""
    least: dict[bool, tuple[int, int, int]] = {}
    for rule, charge, verdict in counted:
        left = charge.amount - verdict.used - (charge.cost if taken else 0)
        known = least.get(rule.tokens)
        if known is None or left < known[0]:
            reset = (31 * charge.slice_ms) if taken else verdict.reset_ms
            least[rule.tokens] = (left, charge.amount, reset)
    return "".join(
        f"x-ratelimit-limit-{_NAMES[kind]}: {amount}\r\nx-ratelimit-remaining-{_NAMES[kind]}: {left if left > 0 else 0}\r\n"
        f"x-ratelimit-reset-{_NAMES[kind]}: {duration(reset)}\r\n"
        for kind, (left, amount, reset) in least.items()
    )


def duration(milliseconds: int) -> str:
    """As OpenAI writes it: `20ms`, `1.5s`, `6m0s`, `1h0m0s`."""
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    told = f"{rest / 1000:g}s"
    if not minutes:
        return told
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{told}" if hours else f"{minutes}m{told}"


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


def full(counted: Iterable[Counted]) -> list[Counted]:
    """Those that have no room."""
    return [each for each in counted if each[2].wait_ms]


def _later(rule: Rule, charge: Charge, verdict: Verdict) -> str:
    return (
        f"Limit {rule.name} is reached: {charge.amount} {_NAMES[rule.tokens]} in {_window(rule)}{_whose(rule)}, of which {verdict.used} are used "
        f"and this request needs {charge.cost}. Try again in {duration(verdict.wait_ms)}."
    )


def _too_large(rule: Rule, charge: Charge) -> str:
    return (
        f"This request asks for {charge.cost} {_NAMES[rule.tokens]}, and limit {rule.name} allows {charge.amount} in {_window(rule)}{_whose(rule)}: "
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
    return {"error": {"message": message, "type": _NAMES[rule.tokens], "param": None, "code": "rate_limit_exceeded"}}
