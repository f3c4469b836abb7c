"""Asking a router Pod which configuration it runs."""

from __future__ import annotations

import httpx

from tidegate import names
from tidegate.cluster.cache_reports import reports
from tidegate.errors import Unavailable
from tidegate.plan.kube.reading import integer, text, texts, truth
from tidegate.plan.plan import Question
from tidegate.plan.samples import RouterReport

TIMEOUT = 2.0
"""Seconds for one brain's answer."""


async def ask(client: httpx.AsyncClient, question: Question) -> RouterReport:
    """What the brain says of itself. Raises Unavailable."""
    url = f"http://{host(question.address)}:{names.BRAIN_PORT}/status"
    try:
        answer = await client.get(url, timeout=TIMEOUT)
        said = answer.raise_for_status().json()
        return RouterReport(
            config=text(said, "config"),
            error=text(said, "error"),
            reads=integer(said, "reads", 1),
            native=truth(said, "native"),
            keys=tuple(texts(said, "keys")),
            certificate=text(said, "certificate"),
            providers=tuple(texts(said, "providers")),
            limits=tuple(texts(said, "limits")),
            caches=reports(said),
        )
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        raise Unavailable(f"{question.about}: {type(error).__name__}") from error


def host(address: str) -> str:
    """As it stands in a URL."""
    return f"[{address}]" if ":" in address else address
