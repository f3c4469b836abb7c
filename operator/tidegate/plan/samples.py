"""What an observer was told, as a value that a pass reads: nothing is asked inside a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tidegate.plan.plan import Question


@dataclass(frozen=True)
class Sample:
    """The newest answer to a question, and whether the question was answered since."""

    value: Any
    """A RouterReport, a StoreCheck, a Complaint or a Measurement; None before the first answer."""
    age: float
    """Seconds since the answer."""
    error: str = ""
    """Why the newest question has no answer; empty when `value` is the newest."""
    failing: float = 0.0
    """Seconds since the first of the questions in a row that had no answer; 0 when the newest has one."""


@dataclass(frozen=True)
class CacheReport:
    """What one router says of one tier. Counts are since its brain began, and rounded: what moves all the time is no news each time."""

    tier: str
    entries: int = 0
    """In its memory."""
    size: int = 0
    """Their bytes."""
    store_size: int = 0
    """Bytes of the tier in the store, of all routers."""
    memory_hits: int = 0
    exact_hits: int = 0
    semantic_hits: int = 0
    misses: int = 0
    """Requests that could have been answered."""
    trouble: tuple[str, ...] = ()
    """Why a layer does nothing although the tier asks for it."""
    exact_only: str = ""
    """Why no answers to similar questions are given for a while; empty while they are."""
    judged: int = 0
    """Such answers that were compared with an engine's since that changed."""
    false_hits: int = 0
    """Those that said something else."""


@dataclass(frozen=True)
class RouterReport:
    """What one router Pod's brain says of itself."""

    config: str
    """Hash of the RouterConfig that its Envoy runs; empty when none does."""
    error: str = ""
    """Why it does not run the newest one."""
    reads: int = 1
    """The newest documents that it reads, as their `minReader`."""
    native: bool | None = None
    """Whether it has the native filters; None where it does not say."""
    keys: tuple[str, ...] = ()
    """Sentences about Secrets, and entries of them, that let no client in."""
    certificate: str = ""
    """What is wrong with the certificate that it should show; empty when nothing is, or none is asked for."""
    providers: tuple[str, ...] = ()
    """The same of those for which providers get no request."""
    limits: tuple[str, ...] = ()
    """Why it counts limits alone although there is a store."""
    caches: tuple[CacheReport, ...] = ()
    """Of the tiers that its routes use, by name."""


@dataclass(frozen=True)
class StoreCheck:
    """What an existing or managed store said: `server` is its name and version, `error` why it did not answer."""

    address: str = ""
    server: str = ""
    error: str = ""
    missing: str = ""
    """The Secret, or its key, that a reference names and that is not there."""
    eviction: str = ""
    """Its `maxmemory-policy`; `noeviction` where its memory has no bound, empty where it does not say."""


@dataclass(frozen=True)
class Series:
    """What Prometheus has of one series."""

    labels: Mapping[str, str]
    """The metric's name is `__name__`."""
    points: tuple[tuple[float, float], ...]
    """Unix time in seconds, and the value as it was counted: NaN and infinities too."""


Fault = Literal["", "setup", "unreachable", "refused", "stranger", "query"]
"""Whose fault it is that there is no answer: nobody's, our settings', Prometheus' or the network's, the credentials', the address's,
or the query's own. Only the last one is for whoever wrote the query; the others may pass by themselves."""


@dataclass(frozen=True)
class Measurement:
    """What Prometheus answered to one query."""

    series: tuple[Series, ...] = ()
    warnings: tuple[str, ...] = ()
    """What Prometheus says beside it, for example that a part of the data is missing: it is no whole answer then."""
    fault: Fault = ""
    error: str = ""
    """Why there is no answer, in a sentence; empty when there is one."""
    at: float = 0.0
    """When it was asked: Unix time in seconds."""


@dataclass(frozen=True)
class Reply:
    """What an engine answered to a request of ours."""

    status: int = 0
    body: str = ""
    """At most 64 KiB of it."""
    error: str = ""
    """Why there is no answer."""
    at: float = 0.0
    """When it was asked: Unix time in seconds."""
    unlike: str = ""
    """Why the pattern that was looked for was not found in `body`; empty where it was, or where none was."""


@dataclass(frozen=True)
class Complaint:
    """The newest warning among an object's Events; empty when there is none."""

    reason: str = ""
    message: str = ""

    def __bool__(self) -> bool:
        return bool(self.message)


Samples = Mapping[Question, Sample]
"""By question; what was not asked yet is not there."""
