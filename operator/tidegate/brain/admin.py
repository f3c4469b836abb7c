"""Envoy's admin interface on its Unix socket. https://www.envoyproxy.io/docs/envoy/v1.40.0/operations/admin"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import httpx

from tidegate.brain import metrics
from tidegate.envoy import tls
from tidegate.envoy.listener import STAT_PREFIX
from tidegate.envoy.routes import ROUTES

TIMEOUT: Final = 2.0
RDS: Final = f"http.{STAT_PREFIX}.rds.{ROUTES}"
CDS: Final = "cluster_manager.cds"
WARMING: Final = "cluster_manager.warming_clusters"
ACTIVE: Final = f"http.{STAT_PREFIX}.downstream_rq_active"
EXPIRES: Final = f"ssl.certificate.{tls.NAME}.expiration_unix_time_seconds"
WANTED: Final = f"^({RDS}|{CDS})\\.(version_text|update_rejected|update_failure)$|^({WARMING}|{ACTIVE})$|^server\\.state$|{EXPIRES}$"
ASSIGNED: Final = r"^cluster\.[^.]+\.version_text$"


Incarnation = tuple[int, int]
"""What tells one Envoy process from the next in the same Pod."""


class Silent(Exception):
    """Envoy does not answer: it starts, hangs or has ended."""


class Gone(Silent):
    """Nobody listens on Envoy's socket, or somebody else does: it has not begun, or has ended."""


@dataclass(frozen=True)
class Reading:
    """What Envoy runs."""

    routes: str
    """version_info of the routes that are live; empty before the first."""
    clusters: str
    """version_info of the clusters that Envoy has taken; live once none is warming."""
    warming: int
    """Clusters that requests do not find yet."""
    refusals: int
    """Updates that Envoy would not take, since it started."""
    active: int
    """Requests under way."""
    live: bool
    """Past initialisation, and not draining."""
    expires: int = 0
    """When the certificate that it shows runs out: Unix time in seconds; 0 where it shows none."""


class Admin:
    """One Envoy."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        # no TLS: nobody's certificates need be read
        transport = httpx.AsyncHTTPTransport(uds=str(socket), verify=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://envoy", timeout=TIMEOUT)

    def incarnation(self) -> Incarnation | None:
        """Which Envoy it is: each one makes its socket anew. None while there is none."""
        try:
            found = self._socket.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_ctime_ns

    async def read(self) -> Reading:
        """The few stats that matter here. Raises Silent."""
        return parse(await self._ask("GET", f"/stats?filter={WANTED}"))

    async def assignments(self) -> dict[str, str]:
        """The version of the engines of each destination, by its name in metrics. Raises Silent."""
        text = await self._ask("GET", f"/stats?{urlencode({'filter': ASSIGNED})}")
        found = (line.split(": ", 1) for line in text.splitlines() if ": " in line)
        return {name.split(".")[1]: version.strip('"') for name, version in found}

    async def prometheus(self) -> str:
        """The chosen metrics, in Prometheus' text format. Raises Silent."""
        return await self._ask("GET", f"/stats/prometheus?{urlencode({'filter': metrics.wanted()})}")

    async def drain(self) -> None:
        """Answers say `connection: close`; the listener stays open, because others still believe in it. Raises Silent."""
        await self._ask("POST", "/healthcheck/fail")
        await self._ask("POST", "/drain_listeners?graceful&skip_exit")

    async def quit(self) -> None:
        """Ends this Envoy; kubelet starts another one unless the Pod is on its way out. Raises Silent."""
        await self._ask("POST", "/quitquitquit")

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()

    async def _ask(self, method: str, url: str) -> str:
        try:
            answer = await self._client.request(method, url)
            return answer.raise_for_status().text
        except httpx.ConnectError as error:
            raise Gone(f"{type(error).__name__}: {error}") from error
        except httpx.HTTPError as error:
            raise Silent(f"{type(error).__name__}: {error}") from error


def parse(text: str) -> Reading:
    """Lines of `name: value`, texts in quotes."""
    stats = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    refused = (stats.get(f"{of}.{how}", "0") for of in (RDS, CDS) for how in ("update_rejected", "update_failure"))
    return Reading(
        routes=stats.get(f"{RDS}.version_text", "").strip('"'),
        clusters=stats.get(f"{CDS}.version_text", "").strip('"'),
        warming=int(stats.get(WARMING, 0)),
        refusals=sum(int(number) for number in refused),
        active=int(stats.get(ACTIVE, 0)),
        live=stats.get("server.state") == "0",
        expires=next((int(value) for name, value in stats.items() if name.endswith(EXPIRES)), 0),
    )
