"""Engines that the command line names: where they are, and what they call their models."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from tidegate.brain.endpoints import SERVICE_LABEL
from tidegate.plan.kube.reading import maps, text

TIMEOUT: Final = 2.0
"""Seconds for one engine's list of models."""


class WrongEndpoint(ValueError):
    """What is wrong with `--endpoint`, and what to write instead."""


@dataclass(frozen=True)
class Endpoint:
    """An engine of a backend."""

    backend: str
    url: str
    address: str
    port: int
    models: tuple[str, ...] = field(default=(), compare=False)
    """What it calls its models, the model itself first; empty: it does not answer."""


def parsed(written: Iterable[str]) -> tuple[Endpoint, ...]:
    """Of `small=http://127.0.0.1:8000`. Raises WrongEndpoint."""
    return tuple(_one(each) for each in written)


def _one(written: str) -> Endpoint:
    backend, _, url = written.partition("=")
    parts = urlsplit(url)
    if not backend or parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
        raise WrongEndpoint(
            f"--endpoint {written}: write BACKEND=http://HOST:PORT, for example small=http://127.0.0.1:8000"
        )
    try:
        port = parts.port or 80
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (ValueError, socket.gaierror) as error:
        raise WrongEndpoint(f"--endpoint {written}: {error}") from error
    return Endpoint(backend, url.rstrip("/"), str(found[0][4][0]), port)


async def asked(client: httpx.AsyncClient, endpoint: Endpoint) -> Endpoint:
    """With the models that it has, as `GET /v1/models` lists them."""
    try:
        answer = await client.get(f"{endpoint.url}/v1/models", timeout=TIMEOUT)
        listed = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return endpoint
    models = tuple(text(model, "id") for model in maps(listed, "data") if text(model, "id"))
    return Endpoint(endpoint.backend, endpoint.url, endpoint.address, endpoint.port, models)


def endpoint_slice(endpoint: Endpoint, service: str) -> dict[str, Any]:
    """As a cluster would tell of it."""
    return {
        "metadata": {"name": endpoint.url, "labels": {SERVICE_LABEL: service}},
        "ports": [{"name": "http", "port": endpoint.port}],
        "endpoints": [{"addresses": [endpoint.address], "conditions": {"ready": True}}],
    }
