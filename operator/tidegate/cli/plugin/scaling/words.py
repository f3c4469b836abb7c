"""What is said where there are no looks to show. The first row that fits:

the model                        then
------------------------------   -------------------------------------------------------------------------
has no spec.autoscaling          it does not scale; how many engines it has, and how to begin
is suspended                     nothing is decided while it is
else                             why the operator's looks cannot be had, and what the status says instead
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.cli.plugin.address import Address
from tidegate.plan.kube.reading import integer, maps, part, text

BEGIN = "spec: {autoscaling: {minReplicas: 1, maxReplicas: 4}}"


def at_rest(model: dict[str, Any], to: Address) -> str:
    """The first two rows; empty where the model scales."""
    spec, status = part(model, "spec"), part(model, "status")
    if not spec.get("autoscaling"):
        engines = integer(status, "desiredReplicas", integer(spec, "replicas", 1))
        return (
            f"{to.shown} does not scale: it has no spec.autoscaling, and spec.replicas says how many engines there are ({engines}).\n"
            f"To let its load decide, leave replicas out and write {BEGIN}"
        )
    if spec.get("suspend") is True:
        return f"{to.shown} is suspended: nothing is decided until spec.suspend is false"
    return ""


def by_status(model: dict[str, Any], why: str, to: Address) -> str:
    """The third row."""
    return "\n".join(_lines(part(part(model, "status"), "autoscaling"), why, to))


def _lines(said: Any, why: str, to: Address) -> Iterator[str]:
    yield f"what the operator saw last cannot be shown: {why}"
    if not said:
        yield f"{to.shown} says nothing in status.autoscaling either: the operator has not looked at it yet"
        return
    yield f"{to.shown}: {integer(said, 'desiredReplicas')} engines wanted, {text(said, 'limit')}: {text(said, 'message')}"
    yield f"as of {text(said, 'since')}, when that was last written"
    for each in maps(said, "signals"):
        yield f"  {text(each, 'signal')} asked for {text(each, 'replicas')}: {text(each, 'message')}"
