"""The model that the router has in it: all-MiniLM-L6-v2, eight bits a weight, one thread beside the event loop.

It reads English; `sees` refuses a text with a word that it does not know, which other scripts are full of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tidegate.embedding.embedder import EXTRA, EmbeddingMissing, Room, fingerprint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

FOLDER: Final = Path(__file__).parent / "minilm"
"""Where `python -m tidegate.embedding.build` puts it when an image or a checkout is set up."""
MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
MAX_TOKENS: Final = 128
"""What the model was trained with. 128 take 8 times as long as 16."""
MAX_CHARACTERS: Final = 8 * MAX_TOKENS
"""A longer text is cut before it is split into tokens: English has 4 to 5 characters a token."""
UNKNOWN: Final = "[UNK]"
UNFUSED: Final = ("SkipLayerNormFusion",)
"""Of onnxruntime's optimizers. What this one puts in place of a sum and a norm takes 67 us on AVX2, and the two 15: with 12 of them in the model
a vector of 16 tokens took 2.8 ms of CPU without and 3.3 ms with it (onnxruntime 1.31)."""
MANNER: Final = 2
"""Of how the model is run: in another one its vectors are others, if only by a rounding."""
MAX_WAITING: Final = 64
"""Askers at once: with 16 tokens each the last waits for about an eighth of a second."""


class Local:
    """Loads the model, which takes about a quarter of a second. Raises EmbeddingMissing."""

    def __init__(self, folder: Path = FOLDER, most: int = MAX_WAITING) -> None:
        self._session, self._tokenizer = _session(folder), _tokenizer(folder)
        digests = [sha256((folder / name).read_bytes()).hexdigest() for name in (MODEL, TOKENIZER)]
        self.dimensions = int(self._session.get_outputs()[0].shape[1])
        self.fingerprint = fingerprint(*digests, MAX_TOKENS, self.dimensions, MANNER)
        self._unknown = self._tokenizer.token_to_id(UNKNOWN)
        self._tokens = lru_cache(maxsize=MAX_WAITING)(self._split)
        self._room = Room(most)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedding")

    def sees(self, text: str) -> bool:
        """Whether all of it fits and every word is known."""
        tokens = self._tokens(text)
        return len(text) <= MAX_CHARACTERS and len(tokens) <= MAX_TOKENS and self._unknown not in tokens

    async def embed(self, texts: Sequence[str]) -> Rows:
        """A row of length one for each, of its first MAX_TOKENS tokens. Raises EmbeddingAway where too many wait."""
        tokens = [self._tokens(text) for text in texts]
        async with self._room:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, tokens)

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _split(self, text: str) -> tuple[int, ...]:
        """Up to one more than MAX_TOKENS, by which one sees that there are more."""
        said = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()
        return tuple(self._tokenizer.encode(said).ids)

    def _run(self, texts: list[tuple[int, ...]]) -> Rows:
        """One text after the other: on one core several at once take no less."""
        import numpy as np

        rows = []
        for tokens in texts:
            cut = tokens if len(tokens) <= MAX_TOKENS else (*tokens[: MAX_TOKENS - 1], tokens[-1])
            ids = np.array([cut], np.int64)
            rows.append(self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0])
        return np.array(rows, np.float32).reshape(len(rows), self.dimensions)


def _session(folder: Path) -> Any:
    try:
        import numpy as np  # noqa: F401 - its absence is told here, and not in the middle of a request
        import onnxruntime
    except ImportError as error:
        raise EmbeddingMissing(f"{error.name} is not installed: pip install '{EXTRA}'") from error
    if not (folder / MODEL).is_file():
        made_by = f"python -m tidegate.embedding.build {folder}"
        raise EmbeddingMissing(
            f"no model in {folder}: '{made_by}' makes it (needs pip install 'tidegate[semantic-build]')"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        folder / MODEL, options, providers=["CPUExecutionProvider"], disabled_optimizers=UNFUSED
    )


def _tokenizer(folder: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise EmbeddingMissing(f"{error.name} is not installed: pip install '{EXTRA}'") from error
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS + 1)
    return tokenizer
