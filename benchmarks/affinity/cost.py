"""What it costs Envoy to read how a prompt begins: the same requests, LeastRequest and PrefixAffinity in turns, by CPU time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.affinity.results import Cost
from benchmarks.affinity.routers import BASE, OURS
from benchmarks.router.drive import Order
from benchmarks.router.forms import Bootstrap, Form, Ground
from benchmarks.router.results import Round, middle, round_of
from benchmarks.router.run import Place, place, seconds_each, started, turns
from benchmarks.router.trees import TODAY, rendered
from benchmarks.router.workloads import QUESTIONS, SERVED

Found = dict[tuple[str, str], list[Round]]
"""By body and form."""
_AFFINITY: Final = {"prefix": True, "headers": ["x-tidegate-session"], "address": True}


def _base(ground: Ground) -> Bootstrap:
    return rendered(TODAY, ground.engine_port, ground.folder)


def _ours(ground: Ground) -> Bootstrap:
    return rendered(TODAY, ground.engine_port, ground.folder, affinity=_AFFINITY)


FORMS: Final = (
    Form(BASE, "reads the model's name", _base, SERVED, None),
    Form(OURS, "reads how the prompt begins, too", _ours, SERVED, None),
)


def costs(rounds: int, minutes: float) -> list[Cost]:
    """Of each body. Raises WrongAnswer."""
    found: Found = {}
    with place("HEAD") as here:
        for n in range(rounds):
            here.say(f"cost, round {n + 1} of {rounds}")
            _round(here, seconds_each(minutes, rounds, len(FORMS) * len(QUESTIONS)), found)
    return [_cost(body, found) for body in QUESTIONS]


def _round(here: Place, seconds: float, found: Found) -> None:
    with started(here, FORMS) as running:
        for body, one in turns(tuple(QUESTIONS), running):
            driven = here.load.drive(Order(body, one.port, seconds, one.pids, here.cores.envoy))
            found.setdefault((body, one.form.name), []).append(round_of(driven))


def _cost(body: str, found: Found) -> Cost:
    base, ours = (list(_cpu(found[body, name])) for name in (BASE, OURS))
    more = (one - other for one, other in zip(ours, base, strict=True))
    return Cost(QUESTIONS[body].title, middle(base), middle(ours), middle(more))


def _cpu(rounds: list[Round]) -> Iterator[float]:
    return (one.cpu for one in rounds)
