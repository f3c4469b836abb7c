"""manifests/argocd/argocd-cm.yaml: health.lua for each of our kinds, as a patch of Argo CD's ConfigMap."""

from __future__ import annotations

from pathlib import Path

from tidegate.names import GROUP, PLURALS

FOLDER = Path(__file__).resolve().parents[1] / "manifests/argocd"
HEADER = """# Written by `make crds` from health.lua; do not edit.
#   kubectl patch configmap argocd-cm --namespace argocd --patch-file manifests/argocd/argocd-cm.yaml
data:
"""


def patch() -> str:
    """The file's text."""
    script = "".join(f"    {line}\n" for line in (FOLDER / "health.lua").read_text().splitlines())
    entries = (f"  resource.customizations.health.{GROUP}_{kind}: |\n{script}" for kind in PLURALS)
    return HEADER + "".join(entries)
