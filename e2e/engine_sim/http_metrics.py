"""The `http_` metrics: requests by handler, their sizes and durations, as vLLM's instrumentation counts them."""

import time

from e2e.engine_sim.metrics import Metrics
from e2e.engine_sim.wire import Call

_EXCLUDED = {"/metrics", "/health", "/load", "/ping", "/version", "/server_info"}


def count(metrics: Metrics, call: Call, handler: str) -> None:
    """Counts a call, unless nothing was answered; `handler` is its route, or `none` for paths that are no route."""
    if handler in _EXCLUDED or not call.status:
        return
    seconds = time.perf_counter() - call.started_at
    length = call.header("content-length") or "0"
    metrics["http_requests"].add(1, handler, call.method, f"{call.status // 100}xx")
    metrics["http_request_size_bytes"].observe(int(length) if length.isdigit() else 0, handler)
    metrics["http_response_size_bytes"].observe(call.sent, handler)
    metrics["http_request_duration_highr_seconds"].observe(seconds)
    metrics["http_request_duration_seconds"].observe(seconds, handler, call.method)
