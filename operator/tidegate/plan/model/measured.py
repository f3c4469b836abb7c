"""MetricsAvailable of a model that scales: whether everything can be read that its engines are decided by. The first row that fits:

what is known                                              status     reason
--------------------------------------------------------   --------   ------------------------------------------
suspended                                                  Unknown    NotAsked
nobody has looked yet: the operator has just begun         as it was; Unknown and NotAsked where nothing was said
something that is looked at is missing, and has been for   False      the gravest one's (`gaps`), each in words
  as long as is waited
no engine serves, and no signal is Prometheus'             Unknown    NotAsked
else                                                       True       AsSpecified

What holds the number of engines meanwhile is `limits`' NoMetrics, at once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tidegate.api.autoscaling import Autoscaling
from tidegate.plan import conditions
from tidegate.plan.kube.pods import ready
from tidegate.plan.kube.reading import text
from tidegate.plan.scaling.gaps import ASKED, Gap
from tidegate.plan.world import ModelWorld

NOBODY = "no engine serves at present that could be asked"
NOT_YET = "the operator has just begun, and has asked nobody yet"
SUSPENDED = "a suspended model's engines are not asked"


def condition(world: ModelWorld, wanted: Autoscaling, *, suspended: bool) -> dict[str, str]:
    """The table."""
    if suspended:
        return _unknown(SUSPENDED)
    if world.gaps is None:
        return _before(world) or _unknown(NOT_YET)
    if world.gaps:
        message = conditions.listed([_words(gap) for gap in world.gaps])
        return conditions.condition(conditions.METRICS_AVAILABLE, False, world.gaps[0].reason, message)
    if not (any(map(ready, world.pods)) or any(one.kind in ASKED for one in wanted.signals)):
        return _unknown(NOBODY)
    return conditions.condition(conditions.METRICS_AVAILABLE, True, conditions.AS_SPECIFIED, "")


def _unknown(words: str) -> dict[str, str]:
    return conditions.condition(conditions.METRICS_AVAILABLE, None, conditions.NOT_ASKED, words)


def _before(world: ModelWorld) -> dict[str, str] | None:
    said = (c for c in conditions.known(world.owner) if c["type"] == conditions.METRICS_AVAILABLE)
    return next(({name: text(c, name) for name in ("type", "status", "reason", "message")} for c in said), None)


def _words(gap: Gap) -> str:
    return f"{gap.words} (since {datetime.fromtimestamp(int(gap.since), UTC).isoformat()})"
