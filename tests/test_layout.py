"""Rules about the tree itself."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "operator" / "tidegate").rglob("*.py"))


def test_the_source_root_is_no_package() -> None:
    """It would shadow the standard library's module `operator`."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_no_file_is_too_long() -> None:
    assert SOURCES
    assert [path.name for path in SOURCES if len(path.read_text().splitlines()) > 400] == []


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}
    assert [path for path in SOURCES if path.stem in drawers or path.parent.name in drawers] == []


def test_every_module_says_what_it_is() -> None:
    assert [path for path in SOURCES if path.read_text().strip() and not path.read_text().startswith('"""')] == []
