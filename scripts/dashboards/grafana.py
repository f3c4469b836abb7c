"""Panels, rows and a dashboard as Grafana 11 and later read them from a file.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from string import ascii_uppercase
from typing import Any, Final, NamedTuple

Json = dict[str, Any]
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
WIDTH: Final = 24
"""Of the grid, in columns."""
HEIGHT: Final = 8
"""Of a panel, in lines."""


class Query(NamedTuple):
    """A line, or a line for each value of the labels in `legend`."""

    expr: str
    legend: str


class Panel(NamedTuple):
    """Lines over time; `unit` is one of Grafana's: s, percentunit, reqps, ops, bytes, short."""

    title: str
    unit: str
    queries: Sequence[Query]
    stacked: bool = False
    about: str = ""


class Row(NamedTuple):
    """Panels side by side under a heading, three to a line."""

    title: str
    panels: Sequence[Panel]


class Variable(NamedTuple):
    """What is chosen above the panels: the values that a label has."""

    name: str
    series: str
    label: str
    several: bool = True


def dashboard(name: str, about: str, variables: Sequence[Variable], rows: Sequence[Row]) -> Json:
    """The whole file. The dashboard's address ends with `tidegate-NAME`."""
    return {
        "uid": f"tidegate-{name}",
        "title": f"Tidegate: {name}",
        "description": about,
        "tags": ["tidegate"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [
            {"type": "dashboards", "title": "Tidegate", "tags": ["tidegate"], "includeVars": True, "keepTime": True}
        ],
        "templating": {"list": [_datasource(), *map(_variable, variables)]},
        "panels": list(_laid_out(rows)),
    }


def _datasource() -> Json:
    return {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"}


def _variable(variable: Variable) -> Json:
    query = f"label_values({variable.series}, {variable.label})"
    everything = {"includeAll": True, "multi": True, "allValue": ".+", "current": {"text": "All", "value": "$__all"}}
    return {
        "type": "query",
        "name": variable.name,
        "datasource": SOURCE,
        "query": {"query": query, "refId": variable.name},
        "refresh": 2,  # whenever the time is changed
        "sort": 1,
        **(everything if variable.several else {}),
    }


def _laid_out(rows: Sequence[Row]) -> Iterator[Json]:
    numbers, top = count(1), 0
    for row in rows:
        place = {"h": 1, "w": WIDTH, "x": 0, "y": top}
        yield {
            "id": next(numbers),
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top += 1
        for first in range(0, len(row.panels), 3):
            line = row.panels[first : first + 3]
            wide = WIDTH // len(line)
            for at, panel in enumerate(line):
                place = {"h": HEIGHT, "w": wide, "x": at * wide, "y": top}
                yield {"id": next(numbers), "gridPos": place, **_panel(panel)}
            top += HEIGHT


def _panel(panel: Panel) -> Json:
    fill = {"fillOpacity": 60, "stacking": {"mode": "normal"}} if panel.stacked else {"fillOpacity": 5}
    top = {"max": 1} if panel.unit == "percentunit" and panel.stacked else {}
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, **top, "custom": fill}, "overrides": []},
        "options": {
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [_target(letter, query) for letter, query in zip(ascii_uppercase, panel.queries, strict=False)],
    }


def _target(letter: str, query: Query) -> Json:
    return {
        "refId": letter,
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "range": True,
        "editorMode": "code",
    }
