"""Envoy's access log for people: one line a request."""

from __future__ import annotations

import json
from typing import Any

from tidegate.plan.kube.reading import text


def line(said: bytes) -> str:
    """`12:03:01  200  chat -> small  340 ms  POST /v1/chat/completions`; anything else stays as it is."""
    written = said.decode(errors="replace").rstrip()
    try:
        found = json.loads(written)
    except ValueError:
        return written
    return _request(found) if isinstance(found, dict) and "status" in found else written


def _request(said: dict[str, Any]) -> str:
    model, backend = text(said, "model") or "-", text(said, "backend")
    where = f"{model} -> {backend}" if backend else model
    tries = said.get("attempts") or 1
    again = f"  {tries} engines asked" if tries > 1 else ""
    why = f"  {said['flags']}" if said.get("flags") not in (None, "", "-") else ""
    clock = text(said, "time")[11:19]
    asked = f"{text(said, 'method')} {text(said, 'path')}"
    return f"{clock}  {said['status']}  {where:<24} {said.get('duration_ms') or 0:>7} ms  {asked}{again}{why}"
