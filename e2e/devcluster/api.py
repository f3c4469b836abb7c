"""A small client of the API server, of nothing but the standard library: for the cluster's own parts and for tests."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from typing import Any

from .settings import SERVER_IP, Settings

JSON = dict[str, Any]


class ApiError(RuntimeError):
    """The API server answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Api:
    """A client as one of the users that `pki` makes. Connection errors are raised as OSError or HTTPException."""

    def __init__(
        self, settings: Settings, user: str, address: tuple[str, int] = (SERVER_IP, 6443), timeout: float = 10.0
    ) -> None:
        self._address = address
        self._tls = ssl.create_default_context(cafile=str(settings.pki / "ca.crt"))
        self._tls.load_cert_chain(settings.pki / f"{user}.crt", settings.pki / f"{user}.key")
        self._timeout = timeout

    def get(self, path: str) -> JSON:
        return self._request("GET", path)

    def post(self, path: str, body: JSON) -> JSON:
        return self._request("POST", path, body)

    def delete(self, path: str) -> JSON:
        return self._request("DELETE", path)

    def merge(self, path: str, patch: JSON) -> JSON:
        return self._request("PATCH", path, patch, "application/merge-patch+json")

    def json_patch(self, path: str, operations: list[JSON]) -> JSON:
        return self._request("PATCH", path, operations, "application/json-patch+json")

    def healthy(self) -> bool:
        try:
            connection = self._send("GET", "/readyz", None, "application/json")
            ready = connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        connection.close()
        return ready

    def watch(self, path: str, version: str, seconds: int = 300) -> Iterator[JSON]:
        """Events of a collection after a resource version, until the server ends the watch."""
        query = f"{path}?watch=1&resourceVersion={version}&timeoutSeconds={seconds}"
        connection = self._send("GET", query, None, "application/json", timeout=seconds + 30)
        try:
            response = connection.getresponse()
            for line in response:
                yield json.loads(line)
        finally:
            connection.close()

    def _request(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> JSON:
        connection = self._send(method, path, body, kind)
        try:
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status >= 400:
            raise ApiError(response.status, text)
        answer: JSON = json.loads(text)
        return answer

    def _send(
        self, method: str, path: str, body: Any, kind: str, timeout: float | None = None
    ) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(*self._address, context=self._tls, timeout=timeout or self._timeout)
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": kind, "Accept": "application/json"})
        return connection
