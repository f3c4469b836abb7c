"""Times in words."""

from __future__ import annotations


def duration(milliseconds: int) -> str:
    """As OpenAI writes it: `20ms`, `1.5s`, `6m0s`, `1h0m0s`."""
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    told = f"{rest / 1000:g}s"
    if not minutes:
        return told
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{told}" if hours else f"{minutes}m{told}"
