"""Two clients with keys, for promises about who is who."""

from __future__ import annotations

from typing import Final

from e2e.harness import Object

ACME: Final = "sk-acme-0123456789"
GLOBEX: Final = "sk-globex-0123456789"
KEYS: Final[Object] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "keys"},
    "stringData": {"acme": ACME, "globex": GLOBEX},
}
