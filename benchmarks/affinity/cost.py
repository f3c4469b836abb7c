"""What it costs Envoy to read how a prompt begins: the same requests, LeastRequest and PrefixAffinity in turns, by CPU time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from benchmarks.affinity.results import Cost
from benchmarks.affinity.routers import BASE, OURS
from benchmarks.router.documents import static
from benchmarks.router.forms import Form, Ground, Part, by_envoy
from benchmarks.router.results import Round, middle
from benchmarks.router.run import Place, drive, place, seconds_each, started, turns
from benchmarks.router.workloads import QUESTIONS

Found = dict[tuple[str, str], list[Round]]
"""By body and form."""


def _balancing(**said: Any) -> Callable[[Ground], Sequence[Part]]:
    return lambda ground: by_envoy(ground, static(ground.folder, [ground.engine], **said))


_AFFINITY: Final = {"prefix": True, "headers": ["x-tidegate-session"], "address": True}
FORMS: Final = (
    Form(BASE, "reads the model's name", _balancing(), workloads=tuple(QUESTIONS)),
    Form(OURS, "reads how the prompt begins, too", _balancing(affinity=_AFFINITY), workloads=tuple(QUESTIONS)),
)


def costs(rounds: int, minutes: float) -> list[Cost]:
    """Of each body. Raises WrongAnswer."""
    found: Found = {}
    with place() as here:
        for n in range(rounds):
            here.say(f"cost, round {n + 1} of {rounds}")
            _round(here, seconds_each(minutes, rounds, len(FORMS) * len(QUESTIONS)), found)
    return [_cost(body, found) for body in QUESTIONS]


def _round(here: Place, seconds: float, found: Found) -> None:
    with started(here, FORMS) as running:
        for body, one in turns(tuple(QUESTIONS), running):
            found.setdefault((body, one.form.name), []).append(drive(here, body, one, seconds))


def _cost(body: str, found: Found) -> Cost:
    base, ours = (list(_cpu(found[body, name])) for name in (BASE, OURS))
    more = (one - other for one, other in zip(ours, base, strict=True))
    return Cost(QUESTIONS[body].title, middle(base), middle(ours), middle(more))


def _cpu(rounds: list[Round]) -> Iterator[float]:
    return (one.cpu for one in rounds)
