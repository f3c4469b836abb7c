"""Limits and requests for tests of what counts them."""

from __future__ import annotations

from typing import Any

from tidegate.brain.decide.step import Ask
from tidegate.brain.limits.counting import Counting
from tidegate.brain.records.record import Record
from tidegate.contract.limits import Limit, Limits, Store
from tidegate.contract.router_config import RouterConfig, load

CHAT = "/v1/chat/completions"
FREE = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
UNKNOWN = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
SHARED = Store(secret="shared-store", key="password", address="127.0.0.1:6379")


def requests(amount: int, window: float = 60, **more: Any) -> Limit:
    """For each client."""
    return Limit(
        **{"name": "rps", "per": "Client", "of": "requests", "amount": amount, "window_seconds": window} | more
    )


def tokens(amount: int, window: float = 60, **more: Any) -> Limit:
    """For each client."""
    return Limit(
        **{"name": "tokens", "per": "Client", "of": "tokens", "amount": amount, "window_seconds": window} | more
    )


def limits(*each: Limit, **more: Any) -> Limits:
    """Of two routers."""
    return Limits(**{"each": each, "open": True, "replicas": 2} | more)


def configured(*each: Limit, **more: Any) -> RouterConfig:
    """A document with them."""
    base: dict[str, Any] = {
        "namespace": "test", "policy": "front", "loadBalancing": "Random", "destinations": [], "routes": [],
        "retry": {"attempts": 0, "codes": [], "reasons": [], "backoffSeconds": 1},
        "timeouts": {"requestSeconds": 1, "idleSeconds": 1},
    }  # fmt: skip
    document = RouterConfig.model_validate(base).model_copy(update={"limits": limits(*each, **more)})
    return load(document.text())


def ask(client: str = "acme", text: int = 0, most: int | None = 16, path: str = CHAT, address: str = "10.0.0.1") -> Ask:
    """A request as Envoy tells of it."""
    return Ask(
        "chat", b"", asks=f"{text} {'-' if most is None else most} 1 0 {address} {client}", path=path, request="r-1"
    )


class Clock:
    """Milliseconds that a test moves."""

    def __init__(self, now: int = 1_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_(self, seconds: float) -> None:
        """So many seconds go by."""
        self.now += int(seconds * 1000)


def alone(*each: Limit, clock: Clock | None = None, **more: Any) -> Counting:
    """One router without a store."""
    made = Counting(clock or Clock())
    made.follow(configured(*each, **more))
    return made


def answered(counting: Counting, asked: Ask) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer that is there at once."""
    reply = counting.ask(asked, lambda: FREE, UNKNOWN)
    assert isinstance(reply, bytes)
    return parsed(reply)


def parsed(reply: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert int(headers["content-length"]) == len(body)
    return int(first.split()[1]), headers, body


def record(reserved: str = "", status: int = 200, flags: str = "", **more: Any) -> Record:
    """Of a request that went well, unless told otherwise."""
    known: dict[str, Any] = {
        "route": "chat", "destination": "a", "status": status, "flags": frozenset(filter(None, flags.split(","))), "of_engine": True,
        "broken": False, "duration": 1.0, "first_token": None, "prompt_tokens": None, "cached_tokens": None,
        "completion_tokens": None, "reserved": reserved,
    }  # fmt: skip
    return Record(**(known | more))
