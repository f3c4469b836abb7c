"""Secrets from manifests, files, folders and the environment."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tidegate.cli.local.secrets import WrongSecret, found, parsed
from tidegate.cli.manifests import Document


def said(secrets: dict[str, dict[str, object]], name: str) -> dict[str, str]:
    data = secrets[name]["data"]
    assert isinstance(data, dict)
    return {entry: base64.b64decode(value).decode() for entry, value in data.items()}


def test_each_row(tmp_path: Path) -> None:
    (tmp_path / "acme").write_text("sk-acme\n")
    (tmp_path / "..data").write_text("no entry")
    sources = parsed(
        [f"keys={tmp_path}", f"one/token={tmp_path / 'acme'}", "two/token=env:KEY", "three/token=env:NONE"]
    )
    there = found((), sources, {"KEY": "sk-two"})
    assert said(there, "keys") == {"acme": "sk-acme\n"}
    assert said(there, "one") == {"token": "sk-acme\n"}
    assert said(there, "two") == {"token": "sk-two"}
    assert "three" not in there


def test_manifests_and_what_counts_before_them(tmp_path: Path) -> None:
    manifest = {
        "kind": "Secret",
        "metadata": {"name": "keys"},
        "data": {"a": base64.b64encode(b"1").decode(), "b": base64.b64encode(b"2").decode()},
        "stringData": {"b": "3"},
    }
    (tmp_path / "a").write_text("4")
    there = found([Document("x", 1, manifest)], parsed([f"keys/a={tmp_path / 'a'}"]), {})
    assert said(there, "keys") == {"a": "4", "b": "3"}


@pytest.mark.parametrize("written", ["keys", "keys=", "=x", "keys=env:KEY"])
def test_wrong(written: str) -> None:
    with pytest.raises(WrongSecret, match="write NAME/ENTRY=FILE"):
        parsed([written])


def test_what_a_key_is_mistaken_for_is_not_said() -> None:
    with pytest.raises(WrongSecret) as wrong:
        parsed(["sk-secret"[:0] + "=sk-secret"])
    assert "sk-secret" not in str(wrong.value)


def test_a_file_that_is_gone_is_no_entry(tmp_path: Path) -> None:
    assert found((), parsed([f"keys/a={tmp_path / 'none'}", f"more={tmp_path / 'none'}"]), {}) == {}
