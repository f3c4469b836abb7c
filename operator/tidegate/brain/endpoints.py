"""EndpointSlices as engines. https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/

ready    terminating   then
------   -----------   -------------------------------------------------------------
not no   no            gets requests (absent means ready)
any      yes           gets no new ones: a draining engine would refuse them
no       no            gets none
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.envoy.clusters import Endpoint

SERVICE_LABEL = "kubernetes.io/service-name"


def by_service(slices: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Endpoint, ...]]:
    """Ready engines by Service, sorted, each once (a Service may have several slices)."""
    found: dict[str, set[Endpoint]] = {}
    for piece in slices:
        service = piece["metadata"].get("labels", {}).get(SERVICE_LABEL)
        if service:
            found.setdefault(service, set()).update(_ready(piece))
    return {name: tuple(sorted(engines, key=lambda e: (e.address, e.port))) for name, engines in found.items()}


def _ready(piece: Mapping[str, Any]) -> list[Endpoint]:
    port = next((p["port"] for p in piece.get("ports") or [] if p.get("name") == "http" and p.get("port")), None)
    if port is None:
        return []
    return [
        Endpoint(address, int(port))
        for endpoint in piece.get("endpoints") or []
        if takes_requests(endpoint.get("conditions") or {})
        for address in endpoint["addresses"]
    ]


def takes_requests(conditions: Mapping[str, Any]) -> bool:
    """The table above."""
    return conditions.get("ready") is not False and not conditions.get("terminating")
