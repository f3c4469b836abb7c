"""What an engine's `/metrics` says: a page of 50 to 200 KiB, of which the few lines that count are searched for.

Series of one name (an engine of several data parallel ranks, or reasons of an end) are added up, and the use of KV is their mean. Of
several names the first that is on the page counts:

    number          name                                         of vLLM            before that
    -------------   ------------------------------------------   ----------------   -------------------------------------------
    running         vllm:num_requests_running                    every version
    waiting         vllm:num_requests_waiting                    every version
    kv              vllm:kv_cache_usage_perc                     0.9.2 and newer    vllm:gpu_cache_usage_perc
    prompt          vllm:prompt_tokens_total                     every version
    generated       vllm:generation_tokens_total                 every version
    finished        vllm:request_success_total                   every version
    token_seconds   vllm:inter_token_latency_seconds_sum         0.11 and newer     vllm:time_per_output_token_seconds_sum
    tokens          vllm:inter_token_latency_seconds_count       0.11 and newer     vllm:time_per_output_token_seconds_count
    queries, hits   vllm:prefix_cache_queries_total, _hits_      0.32 (recorded)    none
    external_...    vllm:external_prefix_cache_..._total         0.32 (recorded)    none

Those that something is decided by (`SERVES`) are needed: a page without one of them is no reading, and `missing` names what was looked for.
The others help to learn. 0.32.0's page was recorded; when names changed: vllm/v1/metrics/loggers.py of v0.11.0; older names:
https://docs.vllm.ai/en/v0.5.3/serving/metrics.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Final

NAMES: Final[dict[str, tuple[bytes, ...]]] = {
    "running": (b"vllm:num_requests_running",),
    "waiting": (b"vllm:num_requests_waiting",),
    "kv": (b"vllm:kv_cache_usage_perc", b"vllm:gpu_cache_usage_perc"),
    "prompt": (b"vllm:prompt_tokens_total",),
    "generated": (b"vllm:generation_tokens_total",),
    "finished": (b"vllm:request_success_total",),
    "token_seconds": (b"vllm:inter_token_latency_seconds_sum", b"vllm:time_per_output_token_seconds_sum"),
    "tokens": (b"vllm:inter_token_latency_seconds_count", b"vllm:time_per_output_token_seconds_count"),
    "queries": (b"vllm:prefix_cache_queries_total",),
    "hits": (b"vllm:prefix_cache_hits_total",),
    "external_queries": (b"vllm:external_prefix_cache_queries_total",),
    "external_hits": (b"vllm:external_prefix_cache_hits_total",),
}
SERVES: Final[dict[str, tuple[str, ...]]] = {
    "running": ("requestsPerReplica",),
    "waiting": ("queueDepth", "requestsPerReplica"),
    "kv": ("kvCacheUtilization",),
    "prompt": (),
    "generated": (),
}
"""Kinds of signals that a number is a part of, besides the load, and whether an engine hangs, which are of all of them."""
NEEDED: Final = tuple(SERVES)


@dataclass(frozen=True)
class Page:
    """One reading. Counters begin at 0 with the process."""

    running: int
    waiting: int
    kv: float
    """Share, 0 to 1."""
    prompt: float
    """Counter: tokens of prompts."""
    generated: float
    """Counter: tokens made."""
    finished: float = 0.0
    """Counter: requests."""
    token_seconds: float = 0.0
    """Counter: seconds between tokens."""
    tokens: float = 0.0
    """Counter: of these."""
    queries: float = 0.0
    """Counter: tokens of prompts that were looked up in the GPU's prefix cache."""
    hits: float = 0.0
    """Counter: of these, found."""
    external_queries: float = 0.0
    """Counter: tokens that were not, and were looked up in the tiers below it."""
    external_hits: float = 0.0
    """Counter: of these, found."""


@dataclass(frozen=True)
class Unread:
    """A page that is no reading."""

    missing: str
    """The name that was looked for and is not there, or has no number; or why there is no page."""
    number: str = ""
    """One of NEEDED, where there is a page."""


def read(page: bytes) -> Page | Unread:
    """The numbers of a page in Prometheus' text format 0.0.4."""
    found: dict[str, float] = {}
    for number, names in NAMES.items():
        values = next((some for name in names if (some := _series(page, name))), [])
        if not values and number in NEEDED:
            return Unread(" or ".join(name.decode() for name in names), number)
        found[number] = sum(values) / (len(values) if number == "kv" and values else 1)
    return Page(running=int(found.pop("running")), waiting=int(found.pop("waiting")), **found)


def _series(page: bytes, name: bytes) -> list[float]:
    """The values of all series of a name; none where one is no number."""
    values = [_value(line) for line in _lines(page, name)]
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _lines(page: bytes, name: bytes) -> Iterator[bytes]:
    """Those of a name, and of no longer one. They stand together: behind the first, the next comment is where they end."""
    start, end = b"\n" + name, len(page)
    at = page.find(start)
    while at >= 0:
        behind = at + len(start)
        if page[behind : behind + 1] in (b"{", b" "):
            end = end if end < len(page) else _or(page.find(b"\n# ", behind), len(page))
            yield page[at + 1 : _or(page.find(b"\n", behind), len(page))]
        at = page.find(start, behind, end)


def _or(found: int, otherwise: int) -> int:
    return found if found >= 0 else otherwise


def _value(line: bytes) -> float | None:
    """What stands behind the labels, which may hold blanks and braces."""
    _, _, behind = line.rpartition(b"}") if b"{" in line else line.partition(b" ")
    try:
        value = float(behind.split()[0])
    except (ValueError, IndexError):
        return None
    return value if isfinite(value) and value >= 0 else None


def seconds_per_token(before: Page, now: Page) -> float:
    """Mean time from token to token between two readings; 0 where none was made, or the engine began anew."""
    tokens, seconds = now.tokens - before.tokens, now.token_seconds - before.token_seconds
    return seconds / tokens if tokens > 0 and seconds > 0 else 0.0


def arrived(before: Page, now: Page) -> int:
    """Requests between two readings, where no router tells: those that finished, and what there is more under way."""
    grown = now.running + now.waiting - before.running - before.waiting
    return max(0, round(now.finished - before.finished) + grown) if now.finished >= before.finished else max(0, grown)
