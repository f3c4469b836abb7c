"""manifests/argocd/health.lua in a Lua 5.1, which is what Argo CD runs: every combination of what it looks at."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from lupa.lua51 import LuaRuntime

from tidegate.api import KINDS

ARGOCD = Path(__file__).resolve().parents[2] / "manifests/argocd"
SCRIPT = (ARGOCD / "health.lua").read_text()
LUA = LuaRuntime()
HEALTH = LUA.execute(f"return function(obj)\n{SCRIPT}\nend")
WAITING = "waiting for the operator"
SUSPENDED = "suspended: nothing is touched until spec.suspend is false"
STATUSES = ("True", "False", "Unknown", None)


class Seen(NamedTuple):
    """What the script looks at; None: the condition is absent."""

    ready: str | None = "True"
    reconciling: str | None = "False"
    stalled: str | None = "False"
    suspended: str | None = None
    resolved: str | None = "True"
    observed: int | None = 2
    suspend: bool = False

    def manifest(self) -> dict[str, Any]:
        names = ("Ready", "Reconciling", "Stalled", "Suspended", "ResolvedRefs")
        conditions = [
            {"type": name, "status": status, "message": f"said by {name}"}
            for name, status in zip(names, self, strict=False)
            if status is not None
        ]
        status = {"conditions": conditions} | ({} if self.observed is None else {"observedGeneration": self.observed})
        return {"metadata": {"generation": 2}, "spec": {"suspend": True} if self.suspend else {}, "status": status}


def row(seen: Seen) -> tuple[str, str]:
    """The table at the top of the script, in Python."""
    rows = (
        (seen.suspended == "True", ("Suspended", "said by Suspended")),
        (seen.suspend, ("Suspended", SUSPENDED)),
        (seen.ready is None or seen.observed != 2, ("Progressing", WAITING)),
        (seen.stalled == "True", ("Degraded", "said by Stalled")),
        (seen.reconciling == "True" or seen.ready != "True", ("Progressing", "said by Ready")),
        (seen.resolved == "False", ("Healthy", "said by ResolvedRefs")),
        (True, ("Healthy", "said by Ready")),
    )
    return next(health for fits, health in rows if fits)


def health(manifest: dict[str, Any]) -> tuple[str, str]:
    said = HEALTH(LUA.table_from(manifest, recursive=True))
    return said["status"], said["message"]


def test_every_combination() -> None:
    met: Counter[tuple[str, str]] = Counter()
    for seen in map(Seen._make, product(*[STATUSES] * 5, (2, 1, None), (False, True))):
        assert health(seen.manifest()) == row(seen), seen
        met[row(seen)] += 1
    assert len(met) == 7, "each row of the table was met"


@pytest.mark.parametrize(
    ("seen", "status", "message"),
    [
        (Seen(), "Healthy", "said by Ready"),
        (Seen(ready="True", stalled="True"), "Degraded", "said by Stalled"),  # rolled back, and serving
        (Seen(ready="False", stalled="True"), "Degraded", "said by Stalled"),
        (Seen(ready="True", reconciling="True"), "Progressing", "said by Ready"),
        (Seen(ready="False", reconciling="True"), "Progressing", "said by Ready"),
        (Seen(stalled="True", observed=1), "Progressing", WAITING),  # the change that mends it was just applied
        (Seen(resolved="False"), "Healthy", "said by ResolvedRefs"),
        (Seen(suspended="True", ready="False"), "Suspended", "said by Suspended"),
        (Seen(suspend=True, observed=1), "Suspended", SUSPENDED),
    ],
)
def test_what_people_meet(seen: Seen, status: str, message: str) -> None:
    assert health(seen.manifest()) == (status, message)


@pytest.mark.parametrize("manifest", [{}, {"spec": {}}, {"spec": {}, "status": {}}, {"status": {"conditions": []}}])
def test_an_object_that_nobody_has_looked_at(manifest: dict[str, Any]) -> None:
    assert health({"metadata": {"generation": 1}, **manifest}) == ("Progressing", WAITING)


def test_the_patch_gives_the_script_to_every_kind() -> None:
    data = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())["data"]
    assert data == {f"resource.customizations.health.tidegate.dev_{kind}": SCRIPT for kind in KINDS}
