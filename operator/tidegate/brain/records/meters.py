"""The router's own metrics, made of records.

https://prometheus.io/docs/practices/naming/, https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from tidegate.brain.records.histogram import Histogram
from tidegate.brain.records.outcome import outcome
from tidegate.brain.records.record import Record
from tidegate.contract.destinations import Bounds, Destination
from tidegate.contract.router_config import RouterConfig

DURATIONS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
FIRST_TOKENS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
TOKEN_TIMES: Final = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.4, 0.8)
"""Seconds."""
LABELS: Final = ["namespace", "policy", "route", "model", "backend", "revision"]
"""`model` is the ModelDeployment; a route has the public names."""
KEPT: Final = 3600.0
"""Seconds for which a destination that has left the configuration is still told of."""
TEXTS: Final = {
    "tidegate_requests": "Requests by outcome: ok, error, client_error, cancelled, shed.",
    "tidegate_request_duration_seconds": "From the request's first byte to the answer's last; of those that went well.",
    "tidegate_time_to_first_token_seconds": "From the request's first byte to the first token; of streams.",
    "tidegate_time_per_output_token_seconds": "Between two tokens, on average over a stream.",
    "tidegate_fallbacks": "Requests that were not answered by the destination that the weights chose, by who was asked last.",
    "tidegate_tokens": "Tokens by type: prompt, cached (a part of prompt) and completion.",
}


class Who(NamedTuple):
    """Of one destination; several adapters of a revision are one."""

    model: str
    backend: str
    revision: str


class Place(NamedTuple):
    """Who was asked, in words of labels: what says the same is one series, as Prometheus takes no two of the same name."""

    route: str
    who: Who


NO_BOUNDS: Final = Bounds()
NOBODY: Final = Who("", "", "")
"""What the router answered itself, and destinations that are not told of any more."""


@dataclass
class Histograms:
    """Of one place."""

    durations: Histogram
    first_tokens: Histogram
    token_times: Histogram

    def widen(self, bounds: Bounds) -> None:
        """These bounds from now on, too."""
        self.durations.widen(bounds.durations)
        self.first_tokens.widen(bounds.first_tokens)


class Meters:
    """All series of one router."""

    def __init__(self) -> None:
        self._namespace = self._policy = ""
        self._destinations: dict[str, Who] = {}
        self._left: dict[str, float] = {}
        self._bounds: dict[Who, Bounds] = {}
        self._requests: dict[tuple[Place, str], int] = defaultdict(int)
        self._tokens: dict[tuple[Place, str], int] = defaultdict(int)
        self._moved: dict[tuple[Place, str], int] = defaultdict(int)
        self._histograms: dict[Place, Histograms] = {}

    def follow(self, config: RouterConfig, now: float) -> None:
        """The configuration that Envoy runs; `now` in seconds of any clock that never goes back."""
        self._namespace, self._policy = config.namespace, config.policy
        known = {d.name: _who(d) for d in config.destinations}
        self._bounds = {_who(d): d.bounds for d in config.destinations if d.bounds}
        left = {name: self._left.get(name, now) for name in self._destinations.keys() - known.keys()}
        self._left = {name: since for name, since in left.items() if now - since < KEPT}
        before = set(self._destinations.values())
        self._destinations = {name: self._destinations[name] for name in self._left} | known
        self._forget(before - set(self._destinations.values()))
        for route in config.routes:
            for target in route.targets:
                self._expect(Place(route.name, known[target.destination]))

    def _expect(self, place: Place) -> None:
        """Counters begin at 0 before the first request, so that what Prometheus sees of them first is no surprise."""
        for ended in ("ok", "error"):
            self._requests[place, ended] += 0
        histograms = self._histograms.get(place) or self._begun(place)
        histograms.widen(self._bounds.get(place.who, NO_BOUNDS))

    def _forget(self, gone: Collection[Who]) -> None:
        for counted in (self._requests, self._tokens, self._moved):
            for key in [key for key in counted if key[0].who in gone]:
                del counted[key]
        for place in [place for place in self._histograms if place.who in gone]:
            del self._histograms[place]

    def count(self, record: Record) -> None:
        """One more. A request is the one's whom the weights chose, and an error of his if another one had to be asked, unless it was
        because of its length; tokens are those of who gave them. How long both took together is nobody's time, nor what an answer was
        waited for that is given again."""
        place = self._place(record, record.destination)
        for kind, number in self._said(record):
            self._tokens[place, kind] += number
        if record.moved:
            first = self._place(record, record.first)
            self._requests[first, "client_error" if record.too_long else "error"] += 1
            self._moved[first, place.who.backend] += 1
            return
        ended = outcome(record)
        self._requests[place, ended] += 1
        if record.waited:
            return
        histograms = self._histograms.get(place) or self._begun(place)
        if ended == "ok":
            histograms.durations.observe(record.duration)
        if record.first_token is not None:
            histograms.first_tokens.observe(record.first_token)
            if record.completion_tokens and record.completion_tokens > 1:
                spent = record.duration - record.first_token
                histograms.token_times.observe(spent / (record.completion_tokens - 1))

    def _place(self, record: Record, destination: str) -> Place:
        return Place(record.route, self._destinations.get(destination, NOBODY))

    def _begun(self, place: Place) -> Histograms:
        made = Histograms(Histogram(DURATIONS), Histogram(FIRST_TOKENS), Histogram(TOKEN_TIMES))
        made.widen(self._bounds.get(place.who, NO_BOUNDS))
        return self._histograms.setdefault(place, made)

    @staticmethod
    def _said(record: Record) -> Iterator[tuple[str, int]]:
        said = {"prompt": record.prompt_tokens, "cached": record.cached_tokens, "completion": record.completion_tokens}
        return ((kind, number) for kind, number in said.items() if number is not None)

    def collect(self) -> Iterable[Metric]:
        """prometheus-client's."""
        yield self._counters("tidegate_requests", "outcome", self._requests)
        yield self._counters("tidegate_fallbacks", "answered_by", self._moved)
        yield self._counters("tidegate_tokens", "type", self._tokens)
        for name, part in (
            ("tidegate_request_duration_seconds", "durations"),
            ("tidegate_time_to_first_token_seconds", "first_tokens"),
            ("tidegate_time_per_output_token_seconds", "token_times"),
        ):
            family = HistogramMetricFamily(name, TEXTS[name], labels=LABELS)
            for place, histograms in self._histograms.items():
                buckets, total = getattr(histograms, part).buckets()
                family.add_metric(self._labels(place), buckets, total)
            yield family

    def _counters(self, name: str, label: str, counted: Mapping[tuple[Place, str], int]) -> Metric:
        family = CounterMetricFamily(name, TEXTS[name], labels=[*LABELS, label])
        for (place, kind), number in counted.items():
            family.add_metric([*self._labels(place), kind], number)
        return family

    def _labels(self, place: Place) -> list[str]:
        return [self._namespace, self._policy, place.route, *place.who]


def _who(destination: Destination) -> Who:
    return Who(destination.model, destination.backend, destination.revision)
