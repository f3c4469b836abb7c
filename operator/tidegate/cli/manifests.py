"""Reading manifests from files, as kubectl does: several documents a file, `-` for standard input, Lists unfolded."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Document:
    """One manifest and where it stands."""

    file: str
    number: int
    """Counted from 1."""
    manifest: Any

    def __str__(self) -> str:
        if not isinstance(self.manifest, dict):
            return f"{self.file}: document {self.number}"
        meta = self.manifest.get("metadata")
        name = meta.get("name", "?") if isinstance(meta, dict) else "?"
        return f"{self.file}: {self.manifest.get('kind', '?')}/{name}"

    @property
    def identity(self) -> tuple[str, str, str]:
        """Kind, namespace and name: what is the same object for the API server."""
        meta = self.manifest["metadata"]
        return self.manifest["kind"], meta.get("namespace", ""), meta["name"]

    def says(self, field: str, message: str) -> str:
        """A problem as a line: where, which field, what to write instead."""
        return ": ".join(filter(None, (str(self), field, message)))


class _Loader(yaml.SafeLoader):
    """Reads what kubectl reads: a date without quotes is a string, and a key stands once in its map."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in seen:
                    raise _KeyTwice(key.value, key.start_mark.line + 1)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class _KeyTwice(yaml.YAMLError):
    """One of the two values would be lost."""

    def __init__(self, key: str, line: int) -> None:
        super().__init__(f"line {line}: {key!r} stands twice in one map; remove or rename one")


_MERGE = "tag:yaml.org,2002:merge"

_LIKE_KUBECTL = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_implicit_resolvers = _LIKE_KUBECTL


class Unreadable(ValueError):
    """A file cannot be read or is not YAML; the message names it."""


def read(files: Sequence[str]) -> list[Document]:
    """Every document of every file; folders are read for *.yaml, *.yml and *.json."""
    return [document for name in files for file in _expand(name) for document in _documents(file)]


def _expand(name: str) -> list[str]:
    folder = Path(name)
    if name == "-" or not folder.is_dir():
        return [name]
    return [str(path) for path in sorted(folder.iterdir()) if path.suffix in (".yaml", ".yml", ".json")]


def _documents(file: str) -> Iterator[Document]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        loaded = [document for document in yaml.load_all(text, _Loader) if document is not None]
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from error
    except _KeyTwice as error:
        raise Unreadable(f"{file}: {error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unreadable(f"{file}: not YAML: {error}") from error
    number = 0
    for manifest in loaded:
        for item in _unfolded(manifest):
            number += 1
            yield Document(file, number, item)


def _unfolded(manifest: Any) -> list[Any]:
    if isinstance(manifest, dict) and manifest.get("kind") == "List":
        return list(manifest.get("items") or [])
    return [manifest]
