"""EndpointSlices as engines. https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/

ready    terminating   then
------   -----------   -------------------------------------------------------------
not no   no            gets requests (absent means ready)
any      yes           gets no new ones: a draining engine would refuse them
no       no            gets none, but when no other is ready and it has been ready before:
                       engines that are all too busy for their probes are better than none
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.envoy.clusters import Endpoint

SERVICE_LABEL = "kubernetes.io/service-name"


class Engines:
    """Remembers which engines have been ready."""

    def __init__(self) -> None:
        self._known: dict[str, set[Endpoint]] = {}

    def by_service(self, slices: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Endpoint, ...]]:
        """Engines that get requests by Service, sorted, each once (a Service may have several slices)."""
        ready: dict[str, set[Endpoint]] = {}
        unready: dict[str, set[Endpoint]] = {}
        for piece in slices:
            service = piece["metadata"].get("labels", {}).get(SERVICE_LABEL)
            if service:
                for engine, is_ready in _staying(piece):
                    (ready if is_ready else unready).setdefault(service, set()).add(engine)
                ready.setdefault(service, set())
        before, self._known = self._known, {}
        for service, engines in ready.items():
            self._known[service] = engines | (before.get(service, set()) & unready.get(service, set()))
        return {name: _sorted(engines or self._known[name]) for name, engines in ready.items()}


def _sorted(engines: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    return tuple(sorted(engines, key=lambda engine: (engine.address, engine.port)))


def _staying(piece: Mapping[str, Any]) -> list[tuple[Endpoint, bool]]:
    """Engines that are not on their way out, and whether they are ready."""
    port = next((p["port"] for p in piece.get("ports") or [] if p.get("name") == "http" and p.get("port")), None)
    if port is None:
        return []
    return [
        (Endpoint(address, int(port)), conditions.get("ready") is not False)
        for endpoint in piece.get("endpoints") or []
        if not (conditions := endpoint.get("conditions") or {}).get("terminating")
        for address in endpoint["addresses"]
    ]
