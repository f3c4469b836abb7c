"""What each alert of manifests/monitoring/rules/alerts.yaml must fire for, and what it must keep silent about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.support.promtool import Series

ROUTER: Final = 'namespace="ml",tidegate_dev_policy="chat"'
SMALL: Final = 'namespace="ml",policy="chat",model="qwen",backend="small"'


@dataclass(frozen=True)
class Alert:
    """One alert, looked at once in each of these worlds."""

    at: str
    """When it is looked at; the series begin at 0."""
    labels: Mapping[str, str]
    summary: str
    bad: Mapping[str, Series]
    good: Mapping[str, Series]
    severity: str = "warning"
    told: Mapping[str, str] = field(default_factory=dict)
    """What stands in its description in place of a template."""
    interval: str = "15s"


def requests(outcome: str, values: str, revision: str = "0a1b2c3d") -> Series:
    """Of one router."""
    return {f'tidegate_requests_total{{{SMALL},pod="r-0",revision="{revision}",outcome="{outcome}"}}': values}


def first_tokens(within: int, all_of_them: int) -> Series:
    """Streams whose first token came within a second, and within two, of so many each 15 seconds."""
    labels = f'{SMALL},pod="r-0",revision="0a1b2c3d"'
    name = "tidegate_time_to_first_token_seconds"
    return {
        f'{name}_bucket{{{labels},le="1.0"}}': f"0+{within}x80",
        f'{name}_bucket{{{labels},le="2.0"}}': f"0+{all_of_them}x80",
        f'{name}_bucket{{{labels},le="+Inf"}}': f"0+{all_of_them}x80",
        f"{name}_count{{{labels}}}": f"0+{all_of_them}x80",
    }


def of_router(metric: str, values: str, pod: str = "r-0", more: str = "") -> Series:
    """A metric of a router Pod."""
    return {f'{metric}{{{ROUTER},pod="{pod}"{more}}}': values}


def healthy(values: str, pod: str = "r-0", destination: str = "small-0a1b2c3d") -> Series:
    """How many engines of a destination a router sends to."""
    return of_router("envoy_cluster_membership_healthy", values, pod, f',envoy_cluster_name="{destination}"')


def of_engine(metric: str, values: str, pod: str) -> Series:
    """A gauge of vLLM."""
    return {f'vllm:{metric}{{namespace="ml",tidegate_dev_model="qwen",pod="{pod}",engine="0"}}': values}


def passes(outcome: str, values: str) -> Series:
    """Passes of the operator over models."""
    return {
        f'tidegate_reconcile_total{{namespace="tidegate-system",kind="ModelDeployment",outcome="{outcome}"}}': values
    }


def cached(reason: str, values: str) -> Series:
    """A policy whose caches do not do what it asks for."""
    named = ",".join(f'{name}="{value}"' for name, value in (OF_CACHE | {"reason": reason}).items())
    return {f"tidegate_condition{{{named}}}": values}


def leader(values: str, pod: str) -> Series:
    """Whether an operator acts."""
    return {f'tidegate_leader{{namespace="tidegate-system",pod="{pod}"}}': values}


def condition(reason: str, values: str, kind: str = "Stalled", status: str = "True") -> Series:
    """A model that is Stalled, or of which another condition says something."""
    labels = f'kind="ModelDeployment",namespace="ml",name="chat",type="{kind}",status="{status}",reason="{reason}"'
    return {f"tidegate_condition{{{labels}}}": values}


OF_OBJECT: Final = {"kind": "ModelDeployment", "namespace": "ml", "name": "chat", "type": "Stalled", "status": "True"}
OF_CACHE: Final = {
    "kind": "RoutingPolicy",
    "namespace": "ml",
    "name": "chat",
    "type": "ResponseCache",
    "status": "False",
}
OF_MODEL: Final = {"namespace": "ml", "policy": "chat", "model": "qwen"}
OF_BACKEND: Final = {"namespace": "ml", "policy": "chat", "backend": "small"}
OF_POLICY: Final = {"namespace": "ml", "tidegate_dev_policy": "chat"}
OF_ROUTER: Final = {**OF_POLICY, "pod": "r-0"}
OF_ENGINES: Final = {"namespace": "ml", "tidegate_dev_model": "qwen"}
DAY: Final = 86_400
EXPIRES: Final = "tidegate_router_certificate_expiry_timestamp_seconds"
LOST: Final = "envoy_access_logs_fluentd_records_entries_lost"
OVERLOADED: Final = "envoy_overload_envoy_overload_actions_stop_accepting_requests_active"
FEW_ERRORS: Final = " ".join(f"{count}x4" for count in range(17))
"""One every 75 s, which is 4 in 5 minutes."""

OF_REQUESTS: Final = {
    "TidegateErrors": Alert(
        at="12m",
        labels=OF_MODEL,
        summary="ml/chat: qwen: 3% of the requests fail",
        bad={"3 of 100": requests("ok", "0+97x80") | requests("error", "0+3x80")},
        good={
            "1 of 100": requests("ok", "0+99x80") | requests("error", "0+1x80"),
            "few, of few": requests("error", FEW_ERRORS),
            "for four minutes": requests("ok", "0+97x80") | requests("error", "0x32 0+3x40"),
            "the clients' own": requests("ok", "0+1x80") | requests("client_error", "0+9x80"),
            "clients that leave": requests("ok", "0+1x80") | requests("cancelled", "0+9x80"),
        },
    ),
    "TidegateManyErrors": Alert(
        at="7m",
        labels=OF_MODEL,
        severity="critical",
        summary="ml/chat: qwen: 30% of the requests fail",
        bad={"30 of 100": requests("ok", "0+70x80") | requests("error", "0+30x80")},
        good={
            "3 of 100": requests("ok", "0+97x80") | requests("error", "0+3x80"),
            "few, of few": requests("error", FEW_ERRORS),
        },
    ),
    "TidegateNoEngineAnswers": Alert(
        at="7m",
        labels=OF_BACKEND,
        severity="critical",
        summary="ml/chat: no engine of small answers",
        bad={
            "none": healthy("0x80") | healthy("0x80", "r-1") | requests("error", "0+1x80"),
            "neither the model nor its adapter": healthy("0x80")
            | healthy("0x80", destination="small-0a1b2c3d-law")
            | requests("error", "0+1x80"),
        },
        good={
            "nobody asks": healthy("0x80") | requests("ok", "50x80"),
            "one router knows one": healthy("0x80") | healthy("1x80", "r-1") | requests("error", "0+1x80"),
            "a candidate starts": healthy("0x80", destination="small-99999999")
            | healthy("2x80")
            | requests("error", "0+1x80"),
            "another backend's": healthy("0x80", destination="large-99999999")
            | healthy("2x80")
            | requests("error", "0+1x80"),
            "the decision server's": healthy("0x80", destination="brain") | requests("error", "0+1x80"),
        },
    ),
    "TidegateSlowFirstTokens": Alert(
        at="16m",
        labels=OF_MODEL,
        summary="ml/chat: qwen: first tokens take 1.9s",
        bad={"10 of 100 over a second": first_tokens(90, 100)},
        good={"all within a second": first_tokens(100, 100), "few streams": first_tokens(0, 2)},
    ),
}

OF_ROUTERS: Final = {
    "TidegateNoRouterAnswers": Alert(
        at="2m",
        labels=OF_POLICY,
        severity="critical",
        summary="ml/chat: no router answers",
        bad={"neither": of_router("up", "0x80") | of_router("up", "0x80", "r-1")},
        good={
            "one does": of_router("up", "0x80") | of_router("up", "1x80", "r-1"),
            "an engine, no router": {'up{namespace="ml",tidegate_dev_model="qwen",pod="e-0"}': "0x80"},
        },
    ),
    "TidegateRouterDown": Alert(
        at="6m",
        labels=OF_ROUTER,
        summary="ml/r-0: this router does not answer",
        told={"{{ $labels.tidegate_dev_policy }}": "chat"},
        bad={"one of two": of_router("up", "0x80") | of_router("up", "1x80", "r-1")},
        good={"it answers": of_router("up", "1x80"), "it answered a minute ago": of_router("up", "0x19 1 0x60")},
    ),
    "TidegateRouterOutdated": Alert(
        at="6m",
        labels=OF_ROUTER,
        summary="ml/r-0: this router runs an old configuration",
        told={"{{ $labels.tidegate_dev_policy }}": "chat"},
        bad={"for six minutes": of_router("tidegate_router_configuration_current", "0x80")},
        good={
            "current": of_router("tidegate_router_configuration_current", "1x80"),
            "between two": of_router("tidegate_router_configuration_current", "1x20 0 1x60"),
        },
    ),
    "TidegateCertificateRunsOut": Alert(
        at="6m",
        labels=OF_ROUTER,
        summary="ml/r-0: the certificate runs out",
        told={"{{ $labels.tidegate_dev_policy }}": "chat", "{{ $value | humanizeDuration }}": "5d 23h 54m 0s"},
        bad={"in six days": of_router(EXPIRES, f"{6 * DAY}x80")},
        good={"in eight days": of_router(EXPIRES, f"{8 * DAY}x80")},
    ),
    "TidegateRecordsLost": Alert(
        at="15m",
        labels=OF_ROUTER,
        summary="ml/r-0: records of requests were lost",
        told={"{{ $value | humanize }}": "40"},
        bad={"one every 15 s": of_router(LOST, "0+1x80")},
        good={"none": of_router(LOST, "0x80"), "long ago": of_router(LOST, "0x5 40x80")},
    ),
    "TidegateFilterFailed": Alert(
        at="15m",
        labels=OF_ROUTER,
        summary="ml/r-0: a filter of the router failed",
        told={"{{ $value | humanize }}": "40"},
        bad={
            "at requests": of_router("envoy_tidegate_native_panics_total", "0+1x80"),
            "at attempts": of_router("envoy_cluster_tidegate_native_panics_total", "0+1x80")
            | of_router("envoy_tidegate_native_panics_total", "0x80"),
        },
        good={"none": of_router("envoy_tidegate_native_panics_total", "0x80")},
    ),
    "TidegateRouterMemoryShort": Alert(
        at="6m",
        labels=OF_ROUTER,
        summary="ml/r-0: this router refuses requests, its memory is short",
        told={"{{ $labels.tidegate_dev_policy }}": "chat"},
        bad={"for a moment": of_router(OVERLOADED, "0x20 1 0x60")},
        good={"never": of_router(OVERLOADED, "0x80"), "long ago": of_router(OVERLOADED, "1 0x80")},
    ),
}

OF_THE_REST: Final = {
    "TidegateRequestsQueue": Alert(
        at="16m",
        labels=OF_ENGINES,
        summary="ml/qwen: requests wait in every engine",
        bad={"in both": of_engine("num_requests_waiting", "1x80", "e-0") | of_engine("num_requests_waiting", "9x80", "e-1")},
        good={
            "in one": of_engine("num_requests_waiting", "0x80", "e-0") | of_engine("num_requests_waiting", "9x80", "e-1"),
            "not always": of_engine("num_requests_waiting", "9x40 0 9x40", "e-0"),
        },
    ),
    "TidegateKVCacheFull": Alert(
        at="16m",
        labels=OF_ENGINES,
        summary="ml/qwen: KV caches are 93% full",
        bad={"both": of_engine("kv_cache_usage_perc", "0.95x80", "e-0") | of_engine("kv_cache_usage_perc", "0.91x80", "e-1")},
        good={"one": of_engine("kv_cache_usage_perc", "0.99x80", "e-0") | of_engine("kv_cache_usage_perc", "0.5x80", "e-1")},
    ),
    "TidegateRolledBack": Alert(
        at="1m",
        labels=OF_OBJECT | {"reason": "RolledBack"},
        summary="ml/chat: a new revision was taken back",
        bad={"at once": condition("RolledBack", "1x80")},
        good={"another reason": condition("NoCapacity", "1x80"), "no more": condition("RolledBack", "1x1 stale")},
    ),
    "TidegateMetricsMissing": Alert(
        at="7m",
        labels=OF_OBJECT | {"type": "MetricsAvailable", "status": "False", "reason": "MetricMissing"},
        summary="ml/chat: what it is scaled by cannot be read (MetricMissing)",
        bad={"for five minutes": condition("MetricMissing", "1x80", "MetricsAvailable", "False")},
        good={
            "for a moment": condition("MetricMissing", "1x8 _x80", "MetricsAvailable", "False"),
            "nobody is asked": condition("NotAsked", "1x80", "MetricsAvailable", "Unknown"),
            "Stalled": condition("MetricMissing", "1x80"),
        },
    ),
    "TidegateStalled": Alert(
        at="7m",
        labels=OF_OBJECT | {"reason": "GateUnanswered"},
        summary="ml/chat: ModelDeployment waits for a person (GateUnanswered)",
        bad={"for five minutes": condition("GateUnanswered", "1x80")},
        good={"taken back": condition("RolledBack", "1x80"), "for a moment": condition("GateUnanswered", "1x8 _x80")},
    ),
    "TidegateFalseHits": Alert(
        at="1m",
        labels=OF_CACHE | {"reason": "FalseHits"},
        summary="ml/chat: too many answers to similar questions were wrong",
        bad={"at once": cached("FalseHits", "1x80")},
        good={"the store is away": cached("LayerIdle", "1x80"), "no more": cached("FalseHits", "1x1 0x80")},
    ),
    "TidegateCacheIdle": Alert(
        at="17m",
        labels=OF_CACHE | {"reason": "LayerIdle"},
        severity="info",
        summary="ml/chat: answers are not given again as the policy asks (LayerIdle)",
        bad={"for a quarter of an hour": cached("LayerIdle", "1x80")},
        good={"too many were wrong": cached("FalseHits", "1x80"), "for a moment": cached("LayerIdle", "1x40 _x80")},
    ),
    "TidegateRolloutLong": Alert(
        at="6h30m",
        interval="5m",
        labels=OF_BACKEND,
        severity="info",
        summary="ml/chat: 2 revisions of small share the requests",
        bad={"for six hours": requests("ok", "0+19x90") | requests("ok", "0+1x90", "99999999")},
        good={
            "one revision": requests("ok", "0+19x90") | requests("error", "0+1x90"),
            "over after three hours": requests("ok", "0+19x90") | requests("ok", "0+1x36 36x60", "99999999"),
        },
    ),
    "TidegateOperatorNotLeading": Alert(
        at="6m",
        labels={},
        summary="no operator acts",
        bad={"neither leads": leader("0x80", "o-0") | leader("0x80", "o-1"), "nobody tells": requests("ok", "0+1x80")},
        good={"one leads": leader("0x80", "o-0") | leader("1x80", "o-1"), "another took over": leader("1x12 0x60", "o-0")
              | leader("0x14 1x60", "o-1")},
    ),
    "TidegateReconcileFails": Alert(
        at="32m",
        labels={"namespace": "tidegate-system", "kind": "ModelDeployment"},
        summary="75% of the passes over ModelDeployment fail",
        bad={"three of four": passes("done", "0+1x150") | passes("Refused", "0+2x150") | passes("Retrying", "0+1x150")},
        good={"one of four": passes("done", "0+3x150") | passes("Conflict", "0+1x150")},
    ),
}  # fmt: skip

ALERTS: Final = OF_REQUESTS | OF_ROUTERS | OF_THE_REST
