"""`tidegate validate FILE...`: the API server's verdict without an API server."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tidegate.api.validate import check
from tidegate.cli.manifests import Unreadable, read
from tidegate.names import GROUP


def validate(files: Sequence[str]) -> int:
    """Prints file, field and what to write instead for each problem; returns 1 if there is any, 2 if a file is unreadable."""
    try:
        documents = read(files)
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    problems = [(document, field, message) for document in documents for field, message in check(document.manifest)]
    for document, field, message in problems:
        print(document.says(field, message), file=sys.stderr)
    ours = sum(_ours(document.manifest) for document in documents)
    if not problems:
        print(f"{ours} {'manifest' if ours == 1 else 'manifests'} of {GROUP}: valid")
    return 1 if problems else 0


def _ours(manifest: object) -> bool:
    return isinstance(manifest, dict) and str(manifest.get("apiVersion", "")).startswith(f"{GROUP}/")
