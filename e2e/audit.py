"""Who asked the API server for what: its audit log, from a moment on."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from e2e.devcluster import Cluster
from e2e.install import NAMESPACE

OPERATOR = f"system:serviceaccount:{NAMESPACE}:tidegate"
READS = ("get", "list", "watch")


@dataclass(frozen=True)
class Audit:
    """The log behind a position."""

    path: Path
    file: int
    """Its inode: a log that was rotated is another file."""
    begin: int

    @classmethod
    def from_now(cls, cluster: Cluster) -> Audit:
        """What comes after this moment."""
        path = cluster.settings.logs / "audit.log"
        found = path.stat()
        return cls(path, found.st_ino, found.st_size)

    def writes(self, namespace: str = "", user: str = OPERATOR, *, done: bool = False) -> Counter[str]:
        """Writing requests of a user in a namespace (in all, if none is named), as `create services/small`, however they
        ended, or those that were `done`. Raises RuntimeError when the log was rotated meanwhile, as it is at 100 MB."""
        with self.path.open("rb") as log:
            if os.fstat(log.fileno()).st_ino != self.file:
                raise RuntimeError(f"{self.path} was rotated: what came before that is lost")
            log.seek(self.begin)
            entries = (json.loads(line) for line in log if line.endswith(b"\n"))
            writes = (entry for entry in entries if _is_write(entry, namespace, user))
            return Counter(
                _what(entry) for entry in writes if not done or entry["responseStatus"]["code"] < HTTPStatus.BAD_REQUEST
            )


def _is_write(entry: dict[str, Any], namespace: str, user: str) -> bool:
    there = entry.get("objectRef", {}).get("namespace", "")
    return namespace in ("", there) and entry["user"]["username"] == user and entry["verb"] not in READS


def _what(entry: dict[str, Any]) -> str:
    ref = entry["objectRef"]
    return f"{entry['verb']} {'/'.join(filter(None, (ref['resource'], ref.get('name'), ref.get('subresource'))))}"
