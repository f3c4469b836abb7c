"""How many replicas carry some work: square-root staffing.

    need(W) = max( W + z sqrt(W s (2 + (F - 1) / 2)),  W / ceiling )

W is work in full engines, s the share of an engine that one request takes on average, F the dispersion of arrivals (1: Poisson), z
`safety`, `ceiling` the target of `kvCacheUtilization`. W s (1 + cv^2) is the variance of the occupancy that Poisson arrivals keep under
way, with cv = 1 for the share that requests take; F - 1 more comes with bursts, of which half lasts as long as a request.
(Halfin and Whitt 1981; https://doi.org/10.1287/opre.29.3.567)

    W = 2.84, s = 0.0338, F = 1.2, z = 2.5, ceiling 0.8:  max(2.84 + 2.5 sqrt(2.84 x 0.0338 x 2.1), 3.55) = max(3.96, 3.55) = 3.96

One target for the mean use would be wrong for every size but one: of one engine this lets 52 % be used, of eight 79 %.
"""

from __future__ import annotations

from math import sqrt

from tidegate.plan.scaling.settings import Settings


def need(work: float, footprint: float, dispersion: float, settings: Settings) -> float:
    """Replicas, not rounded."""
    variance = work * footprint * (2.0 + (dispersion - 1.0) / 2)
    return max(work + settings.safety * sqrt(max(0.0, variance)), work / settings.ceiling)
