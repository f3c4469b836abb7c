"""kopf as an informer: it lists and watches, calls one handler for each event, and neither writes nor compares anything.

kopf would copy every object of every event twice to find out what changed since it last handled it. Nobody here asks: a pass
compares what there is with what is wanted.
"""

from __future__ import annotations

from typing import Any

import kopf


class NothingToCompare(kopf.DiffBaseStorage):
    """Objects have no essence and were never handled before."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class NothingToResume(kopf.ProgressStorage):
    """Handlers of events make no progress that anybody has to remember."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


class Forever:
    """Back-offs without an end: 0.5 s, 1 s ... 15 s, 15 s ..."""

    def __iter__(self) -> Forever:
        self._next = 0.25
        return self

    def __next__(self) -> float:
        self._next = min(self._next * 2, 15.0)
        return self._next


def informer_settings() -> kopf.OperatorSettings:
    """No annotations, no finalizers, no Events, no peering."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NothingToCompare()
    settings.persistence.progress_storage = NothingToResume()
    settings.queueing.idle_timeout = 1.0  # each object that had an event keeps a task for so long
    settings.watching.chunk_size = 500  # a whole list at once is memory that is never given back
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = Forever()
    return settings
