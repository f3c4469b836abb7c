"""The chart's values: each is explained, the schema knows each, and the page is current."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import helm_values
from scripts.reference import pages
from tidegate.settings import ENGINE_IMAGE, ENVOY_IMAGE, OPERATOR_IMAGE, STORE_IMAGE, Settings

ROOT = Path(__file__).resolve().parents[2]
ROWS = helm_values.values()
DEFAULTS = {row.path: json.loads(row.default.strip("`")) for row in ROWS}


@pytest.mark.parametrize("name", pages())
def test_the_reference_is_current(name: str) -> None:
    assert (ROOT / "docs/reference" / name).read_text() == pages()[name]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
def test_each_value_is_explained(row: helm_values.Value) -> None:
    assert row.description.endswith(".")


def leaves(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, piece in schema["properties"].items():
        yield from leaves(piece, f"{prefix}{name}.") if "properties" in piece else [prefix + name]


def test_the_schema_knows_the_same_values() -> None:
    """`global` is what Helm itself adds."""
    schema = json.loads((helm_values.CHART / "values.schema.json").read_text())
    assert set(leaves(schema)) - {"global"} == set(DEFAULTS)


def test_defaults_are_those_of_the_operator() -> None:
    """So that `tidegate render` shows what an unchanged installation does."""
    images = [DEFAULTS[f"images.{name}"] for name in ("engine", "envoy", "store")]
    assert images == [ENGINE_IMAGE, ENVOY_IMAGE, STORE_IMAGE]
    assert OPERATOR_IMAGE.startswith(DEFAULTS["image.repository"] + ":")
    told = Settings()
    assert (DEFAULTS["logLevel"], DEFAULTS["logFormat"], DEFAULTS["workers"]) == (
        told.log_level,
        told.log_format,
        told.workers,
    )


def test_a_value_that_the_schema_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("# More.\nmore: 1\n")
    (tmp_path / "values.schema.json").write_text('{"properties": {}}')
    with pytest.raises(KeyError, match="more"):
        helm_values.values(tmp_path)
