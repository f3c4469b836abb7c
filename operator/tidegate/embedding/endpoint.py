"""An OpenAI-compatible `/v1/embeddings`: vLLM, Text Embeddings Inference, Ollama, OpenAI, or a model of ours.

https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson

from tidegate.embedding.embedder import EmbeddingAway, Room, fingerprint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

MAX_ANSWER: Final = 4 * 1024 * 1024
"""Bytes: 40 vectors of 4,096 numbers."""
MAX_SEEN: Final = 1_000
"""Bytes of a text of which one may be sure that a model with 512 tokens reads all; what an endpoint cuts it does not say."""
MAX_WAITING: Final = 64


class Endpoint:
    """`url` is as clients of OpenAI have it, `http(s)://host:port/v1`; `key` gives what authorises, or nothing. An endpoint is known by its
    url and model: who puts another model there under the same name has old vectors and new ones compared."""

    def __init__(
        self, url: str, model: str, timeout: float, key: Callable[[], str] = lambda: "", most: int = MAX_WAITING
    ) -> None:
        self._url, self._model, self._key = f"{url.rstrip('/')}/embeddings", model, key
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None
        self._room = Room(most)
        self.fingerprint = fingerprint(self._url, model)

    def sees(self, text: str) -> bool:
        """Whether it is short enough for any model."""
        return len(text.encode("utf-8", "replace")) <= MAX_SEEN

    async def embed(self, texts: Sequence[str]) -> Rows:
        """A row of length one for each. Raises EmbeddingAway: no answer in time, a refusal, or an answer that is none."""
        said = [text.encode("utf-8", "replace").decode() for text in texts]
        body = orjson.dumps({"model": self._model, "input": said, "encoding_format": "float"})
        async with self._room:
            try:
                answer = await self._ask(body)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise EmbeddingAway(f"{self._url}: {error or type(error).__name__}") from error
        return vectors(answer, len(texts))

    async def close(self) -> None:
        """Closes its connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, body: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, trust_env=False)
        headers = {"content-type": "application/json"}
        if key := self._key():
            headers["authorization"] = f"Bearer {key}"
        async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:
                raise EmbeddingAway(f"{self._url} answered {answer.status}")
            return await _read(answer.content)


async def _read(content: aiohttp.StreamReader) -> bytes:
    parts, left = [], MAX_ANSWER
    async for part in content.iter_any():
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise EmbeddingAway(f"an answer of more than {MAX_ANSWER} bytes")
    return b"".join(parts)


def vectors(answer: bytes, count: int) -> Rows:
    """Of an answer to `count` texts, in their order, each made one long. Raises EmbeddingAway for what is no such answer."""
    import numpy as np

    try:
        data: list[dict[str, Any]] = orjson.loads(answer)["data"]
        ordered = [each["embedding"] for each in sorted(data, key=lambda each: each["index"])]
        with np.errstate(over="ignore"):
            rows = np.array(ordered, np.float32)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise EmbeddingAway(f"an answer without embeddings: {type(error).__name__}") from error
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True) if rows.ndim == 2 else np.zeros(1)
    if rows.shape[:1] != (count,) or not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise EmbeddingAway(f"an answer of other embeddings than {count} of numbers")
    unit: Rows = rows / lengths
    return unit
