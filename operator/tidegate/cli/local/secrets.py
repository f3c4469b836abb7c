"""Secrets without a cluster: manifests among the files, and what the command line names.

--secret                            is
---------------------------------   ---------------------------------------------------
openai=FOLDER                       each file in it is an entry, as in a Pod's volume
openai/token=FILE                   the file is the entry
openai/token=env:OPENAI_API_KEY     the variable of the environment is
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tidegate.cli.manifests import Document

_ENVIRONMENT: Final = "env:"
_HOW: Final = (
    "write NAME/ENTRY=FILE, NAME/ENTRY=env:VARIABLE or NAME=FOLDER, for example openai/token=env:OPENAI_API_KEY"
)
Secrets = dict[str, dict[str, Any]]
"""By name, as the API server tells of them."""


class WrongSecret(ValueError):
    """What is wrong with `--secret`, and what to write instead; never what a Secret says."""


@dataclass(frozen=True)
class Source:
    """Where a Secret, or an entry of one, comes from."""

    name: str
    entry: str
    """Empty: all of a folder."""
    path: str

    def read(self, environment: Mapping[str, str]) -> dict[str, bytes]:
        """Entries as they are now; what is not there, or cannot be read, is no entry."""
        if self.path.startswith(_ENVIRONMENT):
            value = environment.get(self.path.removeprefix(_ENVIRONMENT))
            return {} if value is None else {self.entry: value.encode()}
        place = Path(self.path)
        files = {self.entry: place} if self.entry else {file.name: file for file in _files(place)}
        read = {entry: _content(file) for entry, file in files.items()}
        return {entry: value for entry, value in read.items() if value is not None}


def parsed(written: Iterable[str]) -> tuple[Source, ...]:
    """Of the command line. Raises WrongSecret."""
    return tuple(_one(each) for each in written)


def _one(written: str) -> Source:
    where, _, path = written.partition("=")
    name, _, entry = where.partition("/")
    if not name or not path or (path.startswith(_ENVIRONMENT) and not entry):
        raise WrongSecret(f"--secret {where}=...: {_HOW}")
    return Source(name, entry, path)


def _files(folder: Path) -> list[Path]:
    """Kubelet's own links begin with two dots."""
    return (
        [file for file in folder.iterdir() if file.is_file() and not file.name.startswith("..")]
        if folder.is_dir()
        else []
    )


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def found(documents: Iterable[Document], sources: Iterable[Source], environment: Mapping[str, str]) -> Secrets:
    """All of them; the command line's entries count before those of manifests."""
    data: dict[str, dict[str, str]] = {}
    for document in documents:
        if isinstance(document.manifest, dict) and document.manifest.get("kind") == "Secret":
            data[document.manifest["metadata"]["name"]] = _data(document.manifest)
    for source in sources:
        entries = {entry: base64.b64encode(value).decode() for entry, value in source.read(environment).items()}
        if entries or source.name in data:
            data[source.name] = {**data.get(source.name, {}), **entries}
    return {name: {"metadata": {"name": name}, "data": entries} for name, entries in data.items()}


def _data(manifest: Mapping[str, Any]) -> dict[str, str]:
    """`stringData` counts before `data`, as in a cluster."""
    plain = manifest.get("stringData") or {}
    encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in plain.items()}
    return {**(manifest.get("data") or {}), **encoded}
