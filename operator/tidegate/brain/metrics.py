"""What a router tells Prometheus: a chosen few of Envoy's several hundred, under Envoy's own names, and the brain's own.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/upstream/cluster_manager/cluster_stats
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from tidegate.envoy.listener import STAT_PREFIX


class Metric(NamedTuple):
    """One of them; a histogram is in milliseconds."""

    name: str
    """Without `envoy_`."""
    kind: str
    meaning: str


DOOR: Final = (
    Metric("downstream_rq_total", "counter", "Requests that came in."),
    Metric("downstream_rq_xx", "counter", "Answers, by `envoy_response_code_class`: 2, 4, 5."),
    Metric("downstream_rq_time", "histogram", "From a request's first byte to its answer's last."),
    Metric("downstream_rq_active", "gauge", "Requests under way."),
    Metric("downstream_rq_rx_reset", "counter", "Clients that left before the end."),
    Metric("downstream_rq_too_large", "counter", "Bodies over the limit."),
    Metric("downstream_cx_total", "counter", "Connections that came in."),
    Metric("downstream_cx_active", "gauge", "Connections that are open."),
    Metric("downstream_cx_overload_disable_keepalive", "counter", "Connections closed because memory was short."),
)
"""Of the front door; label `envoy_http_conn_manager_prefix="in"`."""
DESTINATION: Final = (
    Metric("upstream_rq_total", "counter", "Requests sent, those that were tried again included."),
    Metric("upstream_rq_xx", "counter", "Answers, by `envoy_response_code_class`."),
    Metric("upstream_rq_time", "histogram", "From the request's last byte to the answer's last."),
    Metric("upstream_rq_active", "gauge", "Requests under way."),
    Metric("upstream_rq_pending_active", "gauge", "Requests that wait for a connection."),
    Metric("upstream_rq_retry", "counter", "Requests tried again."),
    Metric("upstream_rq_retry_success", "counter", "Those that were answered then."),
    Metric("upstream_rq_timeout", "counter", "Requests that took longer than the policy allows."),
    Metric("upstream_rq_rx_reset", "counter", "Answers that an engine broke off."),
    Metric("upstream_rq_tx_reset", "counter", "Requests that we broke off, because their clients left."),
    Metric("upstream_cx_connect_fail", "counter", "Connections that could not be made."),
    Metric("upstream_cx_active", "gauge", "Connections that are open."),
    Metric("tidegate_native_panics_total", "counter", "Attempts in which our filter failed; none should."),
    Metric("membership_total", "gauge", "Engines that are known."),
    Metric("membership_healthy", "gauge", "Those that are sent to."),
    Metric("outlier_detection_ejections_active", "gauge", "Those that are left alone because they cannot be reached."),
)
"""Of one destination: label `envoy_cluster_name`, `<backend>-<revision>` or `<backend>-<revision>-<adapter>`, or `brain`."""
PROCESS: Final = (
    Metric("server_live", "gauge", "1, or 0 while it drains."),
    Metric("server_uptime", "gauge", "Seconds since Envoy started."),
    Metric("server_memory_allocated", "gauge", "Bytes in use."),
    Metric("server_memory_heap_size", "gauge", "Bytes taken from the machine."),
    Metric(
        "overload_envoy_overload_actions_stop_accepting_requests_active",
        "gauge",
        "1 while memory is too short for more.",
    ),
    Metric("tidegate_native_panics_total", "counter", "Requests in which our filter failed; none should."),
    Metric("http_rds_update_rejected", "counter", "Configurations that Envoy refused."),
    Metric("access_logs_fluentd_records_entries_lost", "counter", "Records that no brain was there for."),
    Metric("access_logs_fluentd_answers_entries_lost", "counter", "Answers to keep that no brain was there for."),
)
CURRENT: Final = Metric(
    "tidegate_router_configuration_current", "gauge", "1 while Envoy runs the newest configuration."
)
EXPIRES: Final = Metric(
    "tidegate_router_certificate_expiry_timestamp_seconds",
    "gauge",
    "When the certificate that clients are shown runs out.",
)
HELD: Final = Metric("tidegate_held_requests", "gauge", "Requests that wait for the first engine of their `model`.")


def wanted() -> str:
    """The regular expression over Envoy's own names (dots, and before labels are taken out of them) that finds these alone."""
    door = _any(f"http\\.{STAT_PREFIX}\\.", DOOR)
    destinations = _any(r"cluster\.[^.]+\.", DESTINATION)
    process = r"server\.(live|uptime|memory_allocated|memory_heap_size)"
    rest = rf"tidegate_native\.panics_total|overload\..*stop_accepting_requests\.active|http\.{STAT_PREFIX}\.rds\..*update_rejected|.*fluentd.*entries_lost"
    return f"^({door}|{destinations}|{process}|{rest})$"


def _any(prefix: str, metrics: tuple[Metric, ...]) -> str:
    return f"{prefix}({'|'.join(_own(metric.name) for metric in metrics)})"


def _own(name: str) -> str:
    """A class of codes is a part of Envoy's own name, and a label for Prometheus."""
    return (
        name.replace("_rq_xx", "_rq_[1-5]xx")
        .replace("outlier_detection_", r"outlier_detection\.")
        .replace("native_", r"native\.")
    )


def of_brain(current: bool, held: Mapping[str, int], expires: int) -> str:
    """The brain's own, in Prometheus' text format; `held` by ModelDeployment; a router that shows no certificate has no EXPIRES."""
    of_models = [(f'{{model="{model}"}}', count) for model, count in sorted(held.items())]
    shown = _lines(EXPIRES, [("", expires)]) if expires else ()
    lines = (*_lines(CURRENT, [("", int(current))]), *_lines(HELD, of_models), *shown)
    return "".join(f"{line}\n" for line in lines)


def _lines(metric: Metric, values: Iterable[tuple[str, int]]) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.meaning}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in values:
        yield f"{metric.name}{labels} {value}"
