"""Autoscaling: how many engines models are asked to have, which answer makes them so many, and what keeps them from more or fewer."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.grafana import Json, Panel, Query, Row, Variable, dashboard

ABOUT: Final = "How many engines models should have, which signal asks for them, and what limits it."
SCALED: Final = 'namespace=~"$namespace", name=~"$name"'
NAMESPACE: Final = Variable("namespace", "tidegate_autoscaling_desired_replicas", "namespace")
NAME: Final = Variable("name", 'tidegate_autoscaling_desired_replicas{namespace=~"$namespace"}', "name")
LIMITS: Final = "Looks that each limit made, a minute: Signal and Steady are the load's, the others held it up."


def autoscaling() -> Json:
    """The dashboard."""
    return dashboard("autoscaling", ABOUT, [NAMESPACE, NAME], [_engines(), _signals()])


def _of(metric: str, legend: str) -> Query:
    return Query(f"max by (namespace, name) (tidegate_autoscaling_{metric}{{{SCALED}}})", f"{{{{name}}}} {legend}")


def _engines() -> Row:
    ready = f'max by (namespace, name) (tidegate_model_engines{{{SCALED}, state="ready"}})'
    looks = f"sum by (name, limit) (rate(tidegate_autoscaling_looks_total{{{SCALED}}}[$__rate_interval])) * 60"
    engines = [
        _of("desired_replicas", "desired"),
        _of("current_replicas", "asked for"),
        Query(ready, "{{name}} answer"),
    ]
    return Row(
        "Engines",
        [
            Panel("Engines", "short", engines),
            Panel("What limits it", "short", [Query(looks, "{{name}} {{limit}}")], stacked=True, about=LIMITS),
            Panel("Engines that say nothing", "short", [_of("silent_engines", "silent")]),
        ],
    )


def _signals() -> Row:
    return Row(
        "Signals",
        [
            _signal("Engines that each asks for", "short", "signal_replicas"),
            _signal("What each says", "short", "signal_value"),
            _signal("Age of what each says", "s", "signal_age_seconds"),
        ],
    )


def _signal(title: str, unit: str, metric: str) -> Panel:
    expr = f"max by (namespace, name, signal) (tidegate_autoscaling_{metric}{{{SCALED}}})"
    return Panel(title, unit, [Query(expr, "{{name}} {{signal}}")])
