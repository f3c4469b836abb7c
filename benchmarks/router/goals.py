"""What was to be reached, and what was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.router.results import BASE, Middle, Results, middle

FULL = "guarded"
"""The form that is held against others."""


@dataclass(frozen=True)
class Goal:
    """One of them."""

    name: str
    bound: str
    found: Middle | None
    """None: one of those that are compared was not measured."""
    met: bool
    digits: int = 2

    def line(self) -> Sequence[str]:
        """As cells."""
        if not self.found:
            return self.name, self.bound, "not measured", ""
        low, high = (f"{value:,.{self.digits}f}" for value in (self.found.low, self.found.high))
        return (
            self.name,
            self.bound,
            f"{self.found.median:,.{self.digits}f} ({low} to {high})",
            "met" if self.met else "**missed**",
        )


def goals(results: Results) -> Iterator[Goal]:
    """All of them."""
    yield _most(f"`{FULL}`, JSON: CPU, times `{BASE}`", 1.8, results.ratio("json", FULL))
    yield _most(
        f"`{FULL}`, stream at once, with its usage: CPU, times `vllm-router`",
        0.5,
        results.ratio("burst", FULL, "vllm-router"),
    )
    yield _most(f"`{FULL}`, paced stream: CPU, times `vllm-router`", 1.5, results.ratio("paced", FULL, "vllm-router"))
    yield _most("a decision about 2 KiB: µs of the brain, sockets included", 15, _brain(results, "short"), 1)
    yield _most("a decision about 32 KiB: µs of the brain, sockets included", 40, _brain(results, "long"), 1)
    yield _most(f"`{FULL}`, 500 requests a second: ms that it adds to the p50", 0.5, _added(results))
    faster = _faster(results)
    yield Goal(f"`{FULL}`, JSON: requests/s, times `litellm`", ">= 50", faster, bool(faster and faster.median >= 50), 1)


def _most(name: str, bound: float, found: Middle | None, digits: int = 2) -> Goal:
    return Goal(name, f"<= {bound:g}", found, bool(found and found.median <= bound), digits)


def _brain(results: Results, workload: str) -> Middle | None:
    known = "asked" in results.rounds.get(workload, {})
    return results.part(workload, "asked", "brain") if known else None


def _added(results: Results) -> Middle | None:
    pairs = results.pairs_of("steady", FULL, "direct")
    return middle(one.p50 - other.p50 for one, other in pairs) if pairs else None


def _faster(results: Results) -> Middle | None:
    pairs = results.pairs_of("json", FULL, "litellm")
    return middle(one.rate / other.rate for one, other in pairs) if pairs else None
