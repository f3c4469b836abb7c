"""Routers: what each Pod of a policy gets, sends on, and needs for it."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.grafana import Json, Panel, Query, Row, dashboard
from scripts.dashboards.queries import NAMESPACE, POLICY, ROUTERS, rate

ABOUT: Final = "Requests, outcomes, connections and memory of router Pods, and how they reach engines."
POD: Final = "{{pod}}"
DESTINATION: Final = "{{envoy_cluster_name}}"
SENT: Final = f'{ROUTERS}, envoy_cluster_name!~"brain|records|unparsed"'
OUTCOMES: Final = 'tidegate_requests_total{namespace=~"$namespace", policy=~"$policy"}'


def routers() -> Json:
    """The dashboard."""
    return dashboard("routers", ABOUT, [NAMESPACE, POLICY], [_door(), _engines(), _process(), _faults()])


def _now(metric: str, legend: str, *by: str, of: str = ROUTERS) -> Query:
    """A gauge."""
    return Query(f"sum by ({', '.join(by)}) ({metric}{{{of}}})", legend)


def _rate(metric: str, legend: str, *by: str, of: str = ROUTERS) -> Query:
    """A counter."""
    return Query(rate(f"{metric}{{{of}}}", *by), legend)


def _door() -> Row:
    outcomes = Query(rate(OUTCOMES, "outcome"), "{{outcome}}")
    codes = _rate("envoy_http_downstream_rq_xx", "{{envoy_response_code_class}}xx", "envoy_response_code_class")
    return Row(
        "The front door",
        [
            Panel("Requests", "reqps", [_rate("envoy_http_downstream_rq_total", POD, "pod")]),
            Panel("Outcomes", "reqps", [outcomes], stacked=True),
            Panel("Answers by status", "reqps", [codes], stacked=True),
            Panel("Requests under way", "short", [_now("envoy_http_downstream_rq_active", POD, "pod")]),
            Panel("Open connections", "short", [_now("envoy_http_downstream_cx_active", POD, "pod")]),
            Panel("New connections a second", "ops", [_rate("envoy_http_downstream_cx_total", POD, "pod")]),
        ],
    )


def _engines() -> Row:
    cluster = "envoy_cluster"
    return Row(
        "Towards engines",
        [
            Panel("Requests sent", "reqps", [_to(f"{cluster}_upstream_rq_total")]),
            Panel(
                "Engines",
                "short",
                [
                    Query(
                        f"max by (envoy_cluster_name) ({cluster}_membership_total{{{SENT}}})", f"{DESTINATION} known"
                    ),
                    Query(
                        f"min by (envoy_cluster_name) ({cluster}_membership_healthy{{{SENT}}})",
                        f"{DESTINATION} sent to",
                    ),
                ],
                about="`sent to` is what the router sees that sees the fewest.",
            ),
            Panel("Tried again", "reqps", [_to(f"{cluster}_upstream_rq_retry")]),
            Panel("Connections that could not be made", "ops", [_to(f"{cluster}_upstream_cx_connect_fail")]),
            Panel("Answers that engines broke off", "ops", [_to(f"{cluster}_upstream_rq_rx_reset")]),
            Panel("Time-outs", "ops", [_to(f"{cluster}_upstream_rq_timeout")]),
        ],
    )


def _to(metric: str) -> Query:
    """A counter, by destination."""
    return _rate(metric, DESTINATION, "envoy_cluster_name", of=SENT)


def _process() -> Row:
    short = _now("envoy_overload_envoy_overload_actions_stop_accepting_requests_active", POD, "pod")
    return Row(
        "Memory",
        [
            Panel("Memory in use", "bytes", [_now("envoy_server_memory_allocated", POD, "pod")]),
            Panel("Memory taken from the machine", "bytes", [_now("envoy_server_memory_heap_size", POD, "pod")]),
            Panel("Memory is too short for more", "short", [short], about="1 while a router refuses requests."),
        ],
    )


def _faults() -> Row:
    panics = ("envoy_tidegate_native_panics_total", "envoy_cluster_tidegate_native_panics_total")
    current = Query(f"tidegate_router_configuration_current{{{ROUTERS}}}", POD)
    return Row(
        "What should not happen",
        [
            Panel("The newest configuration runs", "short", [current], about="0: the router serves the last good one."),
            Panel("Records lost", "ops", [_rate("envoy_access_logs_fluentd_records_entries_lost", POD, "pod")]),
            Panel("Filters that failed", "ops", [_rate(name, POD, "pod") for name in panics]),
        ],
    )
