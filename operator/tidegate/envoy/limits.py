"""How much the front door takes, and how long it waits for it."""

from __future__ import annotations

from typing import Final

LARGEST_BODY: Final = 16 << 20
"""Bytes; larger requests are answered with 413."""
TOO_LARGE: Final = f"The request is too large: at most {LARGEST_BODY >> 20} MiB."
MOST_DROPPED: Final = 16 * LARGEST_BODY
"""Bytes of an upload over HTTP/2 that are taken for nothing, so that its client sees the answer; what sends more is reset."""
ONE_READ: Final = 1 << 20
"""Bytes that may come at once."""
LONGER_NAME: Final = 1 << 10
"""Bytes by which a body may grow when an engine's own name for the model is put in."""
UPLOAD_IDLE: Final = 15.0
"""Seconds without a byte of a body that is still coming: what it holds is for others then."""
RETRY_AFTER: Final = "5"
"""Seconds that a client is asked to wait when no engine is ready."""
