"""How a request ended, in one word: the first row that fits.

what Envoy says                                                outcome
------------------------------------------------------------   ------------
the client left (DC, DR), or nobody was answered (status 0)    cancelled
we had no room (OM), or a filter of ours refused (UAEX, RL)    shed
a request that did not arrive in time: a 408 of ours           client_error
the engine could not be reached, broke off or took too long    error
a stream without its end, or with an error event in it         error
an engine's 429 or 5xx, after all retries                      error
another 4xx                                                    client_error
a 5xx of ours                                                  error
the rest                                                       ok

Only `ok` and `error` say something about the model: gates count these two.
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage#response-flags
"""

from __future__ import annotations

from typing import Final, Literal

from tidegate.brain.records.record import Record

Outcome = Literal["ok", "error", "client_error", "cancelled", "shed"]

LEFT: Final = frozenset({"DC", "DR"})
REFUSED: Final = frozenset({"OM", "UAEX", "RL"})
FAILED: Final = frozenset({"UF", "UC", "UR", "UPE", "LR", "URX", "UT", "SI", "UH", "NC", "UO", "UMSDR"})
LATE: Final = 408
TOO_MANY: Final = 429


def outcome(record: Record) -> Outcome:
    """The table."""
    if record.flags & LEFT or not record.status:
        return "cancelled"
    if record.flags & REFUSED:
        return "shed"
    if record.status == LATE and not record.of_engine:
        return "client_error"
    if record.flags & FAILED or record.broken:
        return "error"
    return _by_status(record)


def _by_status(record: Record) -> Outcome:
    if record.status >= 500 or (record.status == TOO_MANY and record.of_engine):
        return "error"
    if record.status == TOO_MANY:
        return "shed"
    return "client_error" if record.status >= 400 else "ok"
