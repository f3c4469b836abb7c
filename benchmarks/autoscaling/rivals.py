"""What others do, with their defaults: HorizontalPodAutoscalers on CPU, queue, or queue and KV; KEDA's external sum; saturation rules.

    cpu-N       autoscaling/v2, CPU 70 % of a request of N cores
    queue       autoscaling/v2, 5 waiting requests a Pod
    queue+kv    the same, and KV use 80 %
    keda        External metric with AverageValue 5: the sum of all queues / 5, whatever starts
    wva         one up when the mean spare of engines that are not saturated (KV under 80 %, under 5 waiting) is under 10 % of KV or 3
                waiting; one down when the others would keep that much; nothing while one starts. As llm-d's variant autoscaler's
                saturation mode describes it; not its code

HPA's `behavior` is its default: at most 4 or as many again in 15 s up, down to the largest answer of 300 s, tolerance 0.1. Every 15 s; KEDA
and WVA every 30 s. Pods without a metric count as in HPA's replica calculator.
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import ceil
from statistics import mean
from typing import Final

from benchmarks.autoscaling.fleet import LEAST, MOST, Look, Sample

QUEUE: Final = 5.0
KV: Final = 0.8
CPU: Final = 0.7
TOLERANCE: Final = 0.1
WINDOW: Final = 300.0
"""Seconds."""
SPARE_KV, SPARE_QUEUE = 0.1, 3.0


class Hpa:
    """Replicas from `wanted(ready samples, replicas)`, with HPA's default behavior."""

    def __init__(self, wanted: Callable[[list[Sample], int], int], every: float = 15.0) -> None:
        self.wanted, self.every, self.due = wanted, every, 0.0
        self.answers: list[tuple[float, int]] = []

    def decide(self, look: Look) -> int:
        """As `Scaler`."""
        if look.now < self.due:
            return look.replicas
        self.due = look.now + self.every
        wanted = min(MOST, max(LEAST, self.wanted(look.ready, look.replicas)))
        return self._behave(wanted, look.replicas, look.now)

    def _behave(self, wanted: int, replicas: int, now: float) -> int:
        kept = [one for one in self.answers if now - one[0] < WINDOW]
        self.answers = [*(kept or [(now, replicas)]), (now, wanted)]
        if wanted <= replicas:
            wanted = min(replicas, max(answer for _, answer in self.answers))
        return min(wanted, max(replicas + 4, 2 * replicas))


class CpuHpa(Hpa):
    """The mean of the last 30 s counts."""

    def __init__(self, request: float) -> None:
        super().__init__(self._by_cpu)
        self.request, self.used = request, deque[float](maxlen=6)

    def decide(self, look: Look) -> int:
        """As `Scaler`."""
        cores = [one.cpu for one in look.ready]
        self.used.append(sum(cores) / max(1, len(cores)))
        return super().decide(look)

    def _by_cpu(self, ready: list[Sample], replicas: int) -> int:
        use = mean(self.used) / self.request
        missing = replicas - len(ready) if use > CPU else 0  # Pods that start are left out on the way down
        return pods([use] * len(ready), missing, CPU, replicas)


def pods(values: Sequence[float], missing: int, target: float, replicas: int) -> int:
    """HPA's replica calculator: Pods without a metric count 0 on the way up and the target on the way down."""
    ratio = mean(values) / target if values else 1.0
    if not missing or not values:
        return replicas if abs(ratio - 1) <= TOLERANCE else ceil(ratio * len(values))
    count = len(values) + missing
    again = (sum(values) + (missing * target if ratio < 1 else 0.0)) / count / target
    if abs(again - 1) <= TOLERANCE or (ratio < 1) != (again < 1):
        return replicas
    new = ceil(again * count)
    return replicas if (new > replicas if again < 1 else new < replicas) else new


def _queue(ready: list[Sample], replicas: int) -> int:
    return pods([one.waiting for one in ready], replicas - len(ready), QUEUE, replicas)


def _queue_and_kv(ready: list[Sample], replicas: int) -> int:
    by_kv = pods([one.kv for one in ready], replicas - len(ready), KV, replicas)
    return max(_queue(ready, replicas), by_kv)


def _keda(ready: list[Sample], replicas: int) -> int:
    total = sum(one.waiting for one in ready)
    return replicas if abs(total / (QUEUE * replicas) - 1) <= TOLERANCE else ceil(total / QUEUE)


def _wva(ready: list[Sample], replicas: int) -> int:
    if replicas > len(ready):
        return replicas
    free = [one for one in ready if one.kv < KV and one.waiting < QUEUE]
    spare_kv = mean(KV - one.kv for one in free) if free else 0.0
    spare_queue = mean(QUEUE - one.waiting for one in free) if free else 0.0
    if spare_kv < SPARE_KV or spare_queue < SPARE_QUEUE:
        return replicas + 1
    rest = len(ready) - 1
    if len(free) < 2:
        return replicas
    kv, waiting = sum(one.kv for one in ready) / rest, sum(one.waiting for one in ready) / rest
    return replicas - 1 if KV - kv >= SPARE_KV and QUEUE - waiting >= SPARE_QUEUE else replicas


RIVALS: Final[dict[str, Callable[[], Hpa]]] = {
    "cpu-1": lambda: CpuHpa(1.0),
    "cpu-2": lambda: CpuHpa(2.0),
    "cpu-8": lambda: CpuHpa(8.0),
    "queue": lambda: Hpa(_queue),
    "keda": lambda: Hpa(_keda, 30.0),
    "queue+kv": lambda: Hpa(_queue_and_kv),
    "wva": lambda: Hpa(_wva, 30.0),
}
