"""Who turns texts into vectors for the caches of a router: made when one is first needed, and shared by those that need the same."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from tidegate.contract.cache import Endpoint as Settings
from tidegate.embedding.embedder import Embedder
from tidegate.embedding.endpoint import Endpoint
from tidegate.embedding.local import Local
from tidegate.embedding.recent import Recent

Secrets = Mapping[str, Mapping[str, Any] | None]


class Embedders:
    """Of one router; `secrets` are those that were read, by name."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._local: Recent | None = None
        self._endpoints: dict[Settings, Recent] = {}

    async def of(self, endpoint: Settings | None) -> Embedder:
        """The endpoint's, or that of the model in this router. Raises EmbeddingMissing."""
        if endpoint is None:
            self._local = self._local or Recent(await asyncio.to_thread(Local))
            return self._local
        if endpoint not in self._endpoints:
            made = Endpoint(endpoint.url, endpoint.model, endpoint.timeout_seconds, lambda: self._key(endpoint))
            self._endpoints[endpoint] = Recent(made)
        return self._endpoints[endpoint]

    def _key(self, endpoint: Settings) -> str:
        """Empty while there is none; the endpoint says what it thinks of that."""
        if not endpoint.key:
            return ""
        secret = self._secrets.get(endpoint.key.secret) or {}
        written = (secret.get("data") or {}).get(endpoint.key.entry, "")
        return base64.b64decode(written).decode(errors="replace").strip()
