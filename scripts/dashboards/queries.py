"""PromQL that several dashboards ask. Rates are over Grafana's interval; sums come after rates, so that restarts do no harm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from scripts.dashboards.grafana import Query, Variable

ASKED: Final = 'namespace=~"$namespace", policy=~"$policy", model=~"$model"'
"""Series of requests."""
ROUTERS: Final = 'namespace=~"$namespace", tidegate_dev_policy=~"$policy"'
"""Series of router Pods."""
ENGINES: Final = 'namespace=~"$namespace", tidegate_dev_model=~"$model"'
"""Series of engine Pods."""
NAMESPACE: Final = Variable("namespace", "tidegate_requests_total", "namespace")
POLICY: Final = Variable("policy", 'tidegate_requests_total{namespace=~"$namespace"}', "policy")
MODEL: Final = Variable(
    "model", 'tidegate_requests_total{namespace=~"$namespace", policy=~"$policy", model!=""}', "model"
)
PERCENTILES: Final = (0.5, 0.95, 0.99)


def rate(series: str, *by: str) -> str:
    """How fast it grows, a second."""
    return f"sum by ({', '.join(by)}) (rate({series}[$__rate_interval]))"


def requests(*by: str, outcome: str = "") -> str:
    """Requests a second; `outcome` is a regular expression."""
    chosen = f', outcome=~"{outcome}"' if outcome else ""
    return rate(f"tidegate_requests_total{{{ASKED}{chosen}}}", *by)


def share_of_errors(*by: str) -> str:
    """Of the requests that say something of the model: what clients asked wrongly or broke off does not. 0 while none fails."""
    told = requests(*by, outcome="ok|error")
    return f"({requests(*by, outcome='error')} or 0 * {told}) / {told}"


def percentiles(metric: str, legend: str, *by: str, wanted: Sequence[float] = PERCENTILES) -> list[Query]:
    """Lines of a histogram of requests."""
    buckets = rate(f"{metric}_bucket{{{ASKED}}}", "le", *by)
    return [Query(f"histogram_quantile({q}, {buckets})", f"{legend} p{q * 100:.0f}") for q in wanted]
