"""The model that the router has in it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.embedding.support import needs_model
from tidegate.embedding.embedder import FINGERPRINT, EmbeddingAway, EmbeddingMissing
from tidegate.embedding.local import FOLDER, MAX_TOKENS, MODEL, UNFUSED, Local

pytestmark = needs_model


@pytest.fixture(scope="module")
def local() -> Iterator[Local]:
    made = Local()
    yield made
    made.close()


async def cosine(local: Local, one: str, other: str) -> float:
    a, b = await local.embed([one, other])
    return float(a @ b)


async def test_vectors_are_one_long(local: Local) -> None:
    rows = await local.embed(["How do I cancel?", "", "x " * 1000, "\ud800"])
    assert rows.shape == (4, 384)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


async def test_what_means_the_same_is_near(local: Local) -> None:
    assert await cosine(local, "How do I cancel my order?", "How can I cancel my order?") > 0.95
    assert await cosine(local, "How do I cancel my order?", "Which planet is the largest?") < 0.3


async def test_the_published_model_gives_these_cosines(local: Local) -> None:
    """Those on the model's page (https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 and the quickstart of
    Sentence Transformers, https://sbert.net): 0.6660, 0.1046, 0.1411; eight bits a weight move them by up to 0.04."""
    weather, sunny, stadium = await local.embed(
        ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    )
    found = [float(weather @ sunny), float(weather @ stadium), float(sunny @ stadium)]
    assert found == pytest.approx([0.6660, 0.1046, 0.1411], abs=0.041)


async def test_nothing_behind_the_last_token_counts_and_one_is_told(local: Local) -> None:
    long = "one two three four five six seven eight nine ten " * 14
    assert not local.sees(long)
    assert local.sees("one two three " * 40)
    one, other = await local.embed([long + "red", long + "blue"])
    assert np.array_equal(one, other)
    assert not local.sees("a" * 5000)


@pytest.mark.parametrize("text", ["\u9f98 \u9f8d", "is \U0001f600 a word", "\u0e01\u0e02"])
def test_a_text_with_unknown_words_is_not_seen_whole(local: Local, text: str) -> None:
    assert not local.sees(text)
    assert local.sees("Is it a word?")


async def test_it_does_not_hold_the_loop(local: Local) -> None:
    asked = asyncio.ensure_future(local.embed(["x " * MAX_TOKENS] * 8))
    gaps, last = [], time.perf_counter()
    while not asked.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now
    assert len(gaps) > 5
    assert sorted(gaps)[len(gaps) // 2] < sum(gaps) / 10, "not even for one of the eight texts"


async def test_more_than_there_is_room_for_are_told_so() -> None:
    small = Local(most=2)
    found = await asyncio.gather(*(small.embed([f"text {number}"]) for number in range(5)), return_exceptions=True)
    small.close()
    assert [isinstance(each, EmbeddingAway) for each in found] == [False, False, True, True, True]


def test_a_fingerprint_is_the_models(local: Local) -> None:
    again = Local()
    again.close()
    assert again.fingerprint == local.fingerprint
    assert len(local.fingerprint) == FINGERPRINT


@pytest.mark.parametrize(("unfused", "joined"), [((), True), (UNFUSED, False)])
def test_the_installed_runtime_knows_what_is_left_out_by_that_name(
    unfused: Sequence[str], joined: bool, tmp_path: Path
) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    onnxruntime.InferenceSession(
        FOLDER / MODEL, options, providers=["CPUExecutionProvider"], disabled_optimizers=unfused
    )
    assert (b"SkipLayerNormalization" in (tmp_path / "run.onnx").read_bytes()) is joined


def test_without_a_model_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingMissing, match=r"python -m tidegate\.embedding\.build"):
        Local(tmp_path)


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
def test_without_a_package_it_says_what_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EmbeddingMissing, match=r"pip install 'tidegate\[semantic\]'"):
        Local()


def test_a_graph_of_vectors_and_the_model_live_in_one_process() -> None:
    """Whichever comes first: imported after usearch, onnxruntime alone would end the process."""
    if not find_spec("usearch"):
        pytest.skip("usearch is not installed")
    lines = (
        "import asyncio, numpy as np",
        "from tidegate.brain.cache.semantic.vectors import Vectors",
        "from tidegate.embedding.local import Local",
        "vectors = Vectors(384, flat=0)",
        "vectors.put(np.full(384, 384**-0.5, np.float32))",
        "row = asyncio.run(Local().embed(['How do I cancel?']))[0]",
        "number = vectors.put(row)",
        "assert vectors.near(row, 0.9)[0][0] == number",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
