"""The router's own model, where it was built."""

from __future__ import annotations

import importlib.util

import pytest

from tidegate.embedding.local import FOLDER, MODEL

NEEDED = ("onnxruntime", "tokenizers", "numpy")
needs_model = pytest.mark.skipif(
    not (FOLDER / MODEL).is_file() or any(importlib.util.find_spec(each) is None for each in NEEDED),
    reason="the embedding model was not built: make model",
)
