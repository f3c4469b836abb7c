"""The metrics of metrics.json: cheap to update, exposed by prometheus_client byte for byte as vLLM exposes its own.

The library's own counters would cost a lock and a loop over all buckets per token; these count a whole batch at once.
"""

import json
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, Metric, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

FAMILIES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "metrics.json").read_text())

LORA_FAMILY: dict[str, Any] = {
    "name": "vllm:lora_requests_info",
    "kind": "gauge",
    "help": "Running stats on lora requests.",
    "labels": ["max_lora", "running_lora_adapters", "waiting_lora_adapters"],
    "children": [],
    "named": False,
}
"""In no recording: an engine with `--enable-lora` adds it."""


class Child:
    """One series (or one set of series) of a family: a value, or a count and a sum, or buckets as well."""

    __slots__ = ("buckets", "count", "created", "value")

    def __init__(self, buckets: int) -> None:
        self.value = 0.0
        self.count = 0
        self.buckets = [0] * buckets
        self.created = time.time()


class Family:
    """A metric with its help and its children, keyed by the values of `labels` in their order."""

    def __init__(self, row: Mapping[str, Any], model_name: str) -> None:
        self.name: str = row["name"]
        self.kind: str = row["kind"]
        self._help: str = row["help"]
        self.labels: list[str] = row["labels"]
        self._common = {"model_name": model_name} if row["named"] else {}
        self._bounds: list[float] = row.get("bounds", [])
        bounds = [*self._bounds, float("inf")]
        self._bucket_labels: list[str] = [floatToGoString(bound) for bound in bounds]  # type: ignore[no-untyped-call]
        self.children: dict[tuple[str, ...], Child] = {}
        for values in row["children"]:
            self.child(*values)

    def child(self, *values: str) -> Child:
        """The series of these label values, made on first use."""
        if values not in self.children:
            self.children[values] = Child(len(self._bounds) + 1)
        return self.children[values]

    def add(self, amount: float, *values: str) -> None:
        """Moves a counter (or gauge) on."""
        self.child(*values).value += amount

    def set(self, value: float, *values: str) -> None:
        """Sets a gauge."""
        self.child(*values).value = value

    def observe(self, value: float, *values: str, times: int = 1) -> None:
        """Takes a value into a histogram or summary, `times` times."""
        child = self.child(*values)
        child.value += value * times
        child.count += times
        child.buckets[bisect_left(self._bounds, value)] += times

    def metric(self) -> Metric:
        """The family as prometheus_client wants it."""
        metric = Metric(self.name, self._help, self.kind)
        samples = {"gauge": self._plain, "counter": self._counter}.get(self.kind, self._distribution)
        for values, child in self.children.items():
            labels = dict(zip(self.labels, values, strict=True)) | self._common
            for suffix, extra, value in samples(child):
                metric.add_sample(self.name + suffix, labels | extra, value)
        return metric

    def _plain(self, child: Child) -> Iterator[tuple[str, dict[str, str], float]]:
        yield "", {}, child.value

    def _counter(self, child: Child) -> Iterator[tuple[str, dict[str, str], float]]:
        yield "_total", {}, child.value
        yield "_created", {}, child.created

    def _distribution(self, child: Child) -> Iterator[tuple[str, dict[str, str], float]]:
        if self.kind == "histogram":
            below = 0
            for label, count in zip(self._bucket_labels, child.buckets, strict=True):
                below += count
                yield "_bucket", {"le": label}, below
        yield "_count", {}, child.count
        yield "_sum", {}, child.value
        yield "_created", {}, child.created


class Metrics(Collector):
    """All families of one engine."""

    def __init__(self, model_name: str, *, lora: bool = False) -> None:
        self.hidden = b""
        """Name of a metric that is not shown."""
        rows = FAMILIES + ([LORA_FAMILY] if lora else [])
        self._families = {row["name"]: Family(row, model_name) for row in rows}
        self._registry = CollectorRegistry()
        for collector in (GCCollector, PlatformCollector, ProcessCollector):
            collector(registry=self._registry)
        self._registry.register(self)

    def __getitem__(self, name: str) -> Family:
        return self._families[name]

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks of a collector."""
        return (family.metric() for family in self._families.values())

    def exposition(self) -> bytes:
        """The body of `GET /metrics`."""
        page = generate_latest(self._registry)
        if not self.hidden:
            return page
        gone = (self.hidden + b"{", self.hidden + b" ")
        return b"".join(line for line in page.splitlines(keepends=True) if not line.startswith(gone))
