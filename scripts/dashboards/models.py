"""Models: what clients ask of them and get, and what their engines are at."""

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

ABOUT: Final = (
    "Traffic, errors, latency and tokens of models by revision, as their routers saw them, and the engines' load."
)
BY: Final = ("model", "revision")
LEGEND: Final = "{{model}} {{revision}}"
TYPES: Final = ("prompt", "cached", "completion")


def models() -> Json:
    """The dashboard."""
    return dashboard("models", ABOUT, [NAMESPACE, POLICY, MODEL], [_traffic(), _latency(), _tokens(), _engines()])


def _traffic() -> Row:
    errors = "Of `ok` and `error`: what clients asked wrongly or broke off is neither."
    return Row(
        "Traffic",
        [
            Panel("Requests", "reqps", [Query(requests(*BY), LEGEND)]),
            Panel("Share of errors", "percentunit", [Query(share_of_errors(*BY), LEGEND)], about=errors),
            Panel("Outcomes", "reqps", [Query(requests("outcome"), "{{outcome}}")], stacked=True),
        ],
    )


def _latency() -> Row:
    first, between = "tidegate_time_to_first_token_seconds", "tidegate_time_per_output_token_seconds"
    return Row(
        "Latency",
        [
            Panel("Time to first token, of streams", "s", percentiles(first, LEGEND, *BY)),
            Panel("Duration, of what went well", "s", percentiles("tidegate_request_duration_seconds", LEGEND, *BY)),
            Panel("Time per output token, of streams", "s", percentiles(between, LEGEND, *BY)),
        ],
    )


def _tokens() -> Row:
    of_type = {kind: f'tidegate_tokens_total{{{ASKED}, type="{kind}"}}' for kind in TYPES}
    cached = f"{rate(of_type['cached'], *BY)} / {rate(of_type['prompt'], *BY)}"
    answered = f"{rate(of_type['completion'], *BY)} / {requests(*BY, outcome='ok')}"
    cached_about = "Prompt tokens that the engine had computed before."
    return Row(
        "Tokens",
        [
            Panel("Tokens a second", "short", [Query(rate(of_type[kind], *BY), f"{LEGEND} {kind}") for kind in TYPES]),
            Panel("Cached share of prompts", "percentunit", [Query(cached, LEGEND)], about=cached_about),
            Panel("Completion tokens a request", "short", [Query(answered, LEGEND)]),
        ],
    )


def _engines() -> Row:
    by, legend = ("tidegate_dev_model", "tidegate_dev_revision"), "{{tidegate_dev_model}} {{tidegate_dev_revision}}"
    grouped = f"by ({', '.join(by)})"
    queued = rate(f"vllm:request_queue_time_seconds_bucket{{{ENGINES}}}", "le", *by)
    preempted = rate(f"vllm:num_preemptions_total{{{ENGINES}}}", *by)

    def found(counter: str) -> str:
        return f"vllm:{counter}_total{{{ENGINES}}}"

    return Row(
        "Engines",
        [
            Panel("Engines that answer", "short", [Query(f"sum {grouped} (up{{{ENGINES}}})", legend)]),
            Panel(
                "Requests in engines",
                "short",
                [
                    Query(f"sum {grouped} (vllm:num_requests_running{{{ENGINES}}})", f"{legend} running"),
                    Query(f"sum {grouped} (vllm:num_requests_waiting{{{ENGINES}}})", f"{legend} waiting"),
                ],
            ),
            Panel("Time in the queue, p95", "s", [Query(f"histogram_quantile(0.95, {queued})", legend)]),
            Panel(
                "KV cache in use",
                "percentunit",
                [
                    Query(f"avg {grouped} (vllm:kv_cache_usage_perc{{{ENGINES}}})", f"{legend} average"),
                    Query(f"max {grouped} (vllm:kv_cache_usage_perc{{{ENGINES}}})", f"{legend} fullest"),
                ],
            ),
            Panel(
                "Prompt tokens found in prefix caches",
                "percentunit",
                [
                    Query(
                        f"{rate(found('prefix_cache_hits'), *by)} / {rate(found('prefix_cache_queries'), *by)}",
                        f"{legend} GPU",
                    ),
                    Query(
                        f"{rate(found('external_prefix_cache_hits'), *by)} / {rate(found('external_prefix_cache_queries'), *by)}",
                        f"{legend} below it",
                    ),
                ],
                about="Below it: of the tokens that the GPU had not, those that kvOffload's tiers had.",
            ),
            Panel(
                "Preemptions a second",
                "ops",
                [Query(preempted, legend)],
                about="Work that is done again for want of room.",
            ),
        ],
    )
