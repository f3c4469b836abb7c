"""Which models a file speaks of, as kubectl would take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.api.validate import check
from tidegate.cli.manifests import Document
from tidegate.names import MODEL_DEPLOYMENT


def models(documents: Sequence[Document], namespace: str) -> list[dict[str, Any]]:
    """The ModelDeployments among them; `namespace` is what the command line names. Raises ValueError where there is none, or one is wrong."""
    found = [
        one for one in documents if isinstance(one.manifest, dict) and one.manifest.get("kind") == MODEL_DEPLOYMENT
    ]
    if not found:
        raise ValueError("there is no ModelDeployment in it; others have no rollouts")
    wrong = [one.says(field, said) for one in found for field, said in check(one.manifest)]
    wrong += [
        _elsewhere(one, namespace) for one in found if not wrong and _named(one) not in ("", namespace) and namespace
    ]
    if wrong:
        raise ValueError("\n".join(wrong))
    return [one.manifest for one in found]


def _named(one: Document) -> str:
    return str(one.manifest["metadata"].get("namespace", ""))


def _elsewhere(one: Document, namespace: str) -> str:
    return one.says(
        "metadata.namespace", f"is {_named(one)}, and the command line says {namespace}; leave one of them out"
    )
