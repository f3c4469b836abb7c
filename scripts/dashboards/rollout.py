"""A model's rollout: its revisions side by side. No metric says which is stable: the one with most of the traffic, or the older."""

from __future__ import annotations

from typing import Final

from scripts.dashboards.grafana import Json, Panel, Query, Row, dashboard
from scripts.dashboards.queries import (
    ASKED,
    ENGINES,
    MODEL,
    NAMESPACE,
    POLICY,
    percentiles,
    rate,
    requests,
    share_of_errors,
)

ABOUT: Final = "The revisions of one model side by side: share of the traffic, errors, latency, engines."
REVISION: Final = "{{revision}}"
POD_REVISION: Final = "{{tidegate_dev_revision}}"
FIRST: Final = "tidegate_time_to_first_token_seconds"


def rollout() -> Json:
    """The dashboard."""
    variables = [NAMESPACE._replace(several=False), POLICY, MODEL._replace(several=False)]
    return dashboard("rollout", ABOUT, variables, [_traffic(), _errors(), _latency(), _engines()])


def _traffic() -> Row:
    share = f"{requests('revision')} / scalar({requests()})"
    return Row(
        "Traffic",
        [
            Panel("Share of the requests", "percentunit", [Query(share, REVISION)], stacked=True),
            Panel("Requests", "reqps", [Query(requests("revision"), REVISION)]),
        ],
    )


def _errors() -> Row:
    about = "Of `ok` and `error`: what clients asked wrongly or broke off is neither."
    told = f'increase(tidegate_requests_total{{{ASKED}, outcome=~"ok|error"}}[$__range])'
    counted = Query(f"sum by (revision, outcome) ({told})", f"{REVISION} {{{{outcome}}}}")
    return Row(
        "Errors",
        [
            Panel("Share of errors", "percentunit", [Query(share_of_errors("revision"), REVISION)], about=about),
            Panel("Requests in the time shown", "short", [counted], about="How much there is to judge by."),
        ],
    )


def _latency() -> Row:
    within, streams = f'{FIRST}_bucket{{{ASKED}, le="1.0"}}', f"{FIRST}_count{{{ASKED}}}"
    slow = f"1 - {rate(within, 'revision')} / {rate(streams, 'revision')}"
    return Row(
        "Latency",
        [
            *[
                Panel(f"Time to first token, p{q * 100:.0f}", "s", percentiles(FIRST, REVISION, "revision", wanted=[q]))
                for q in (0.5, 0.95, 0.99)
            ],
            Panel("Streams whose first token took over 1 s", "percentunit", [Query(slow, REVISION)]),
            Panel("Duration, p95", "s", _p95("tidegate_request_duration_seconds")),
            Panel("Time per output token, p95", "s", _p95("tidegate_time_per_output_token_seconds")),
        ],
    )


def _p95(metric: str) -> list[Query]:
    return percentiles(metric, REVISION, "revision", wanted=[0.95])


def _engines() -> Row:
    grouped = "by (tidegate_dev_revision)"
    return Row(
        "Engines",
        [
            Panel("Engines that answer", "short", [Query(f"sum {grouped} (up{{{ENGINES}}})", POD_REVISION)]),
            Panel(
                "Requests that wait",
                "short",
                [Query(f"sum {grouped} (vllm:num_requests_waiting{{{ENGINES}}})", POD_REVISION)],
            ),
            Panel(
                "KV cache in use",
                "percentunit",
                [Query(f"avg {grouped} (vllm:kv_cache_usage_perc{{{ENGINES}}})", POD_REVISION)],
            ),
        ],
    )
