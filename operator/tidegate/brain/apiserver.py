"""The API server as a Pod asks it: as the Pod's own account, over TLS that its cluster's authority vouches for.

By hand, because a brain only lists and watches: the client library would be a third of what a brain loads before it begins.
https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import aiohttp

from tidegate.names import api_server_url

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where kubelet puts the token, which it renews there, and the authority."""


class NotInPod(Exception):
    """What a Pod is told of the API server is not there."""


class ApiServer:
    """GETs, of the bytes as they come. `account` is a folder with `token` and `ca.crt`; None asks as nobody, for tests."""

    def __init__(self, url: str, account: Path | None) -> None:
        """Wants a running loop. Raises OSError or ssl.SSLError where the account is not whole."""
        self._url, self._account = url, account
        self._vouched: bytes | None = None
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._trusted()
        connector = aiohttp.TCPConnector(limit=0)  # no limit: each watch holds a connection
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False)

    @classmethod
    def of_pod(cls, environment: Mapping[str, str]) -> Self:
        """Raises NotInPod."""
        try:
            return cls(api_server_url(environment), ACCOUNT)
        except (KeyError, OSError) as error:
            raise NotInPod(f"a brain runs in a Pod, with its ServiceAccount's token: {error!r}") from error

    async def get(self, path: str, query: Mapping[str, str], limit: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """The answer, whatever its status; its body is read by the caller. Raises aiohttp.ClientError, TimeoutError or OSError."""
        url, headers = f"{self._url}{path}", self._headers()
        return await self._session.get(url, params=query, headers=headers, timeout=limit, ssl=self._trusted())

    def _trusted(self) -> ssl.SSLContext:
        """The authority may be replaced while a brain runs: kubelet writes the new one there."""
        if self._account and (vouched := (self._account / "ca.crt").read_bytes()) != self._vouched:
            self._tls = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
            self._vouched = vouched
        return self._tls

    def _headers(self) -> dict[str, str]:
        if not self._account:
            return {}
        return {"Authorization": f"Bearer {(self._account / 'token').read_text().strip()}"}

    async def close(self) -> None:
        """Ends every watch."""
        await self._session.close()
