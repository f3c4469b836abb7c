"""Writes every generated file, or with --check says which of them are not current."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts import argocd, dashboards, flags, monitoring
from scripts.reference import pages
from tidegate.api import crd

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Returns 1 when --check finds a difference."""
    reference = {ROOT / "docs/reference" / name: text for name, text in pages().items()}
    written = {flags.FILE: flags.text(), argocd.FOLDER / "argocd-cm.yaml": argocd.patch()}
    wanted = written | crd.files(ROOT) | reference | monitoring.files() | dashboards.files()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current; run make crds", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
