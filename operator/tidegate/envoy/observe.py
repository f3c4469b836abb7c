"""What Envoy tells of each request: a line for people, a record for the brain, a trace. They stand in the listener and in the
bootstrap, which never change; *switches*, a runtime layer from a file, say for how many requests each is on.

log line     JSON on stdout: no body, no query, no header that a client could hide a key in
record       what metrics are made of, as MessagePack to the brain's socket: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/extensions/access_loggers/fluentd/v3/fluentd.proto
             A brain that hangs or is gone costs records, never requests: little more than RECORDS_BUFFER bytes wait for it, the rest is dropped.
trace        spans to an OpenTelemetry collector, and `traceparent` to the engine

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/operations/runtime
"""

from __future__ import annotations

from typing import Any, Final

from tidegate.contract.observation import Observation
from tidegate.envoy import caching, fluentd, limiting
from tidegate.envoy.start import Start
from tidegate.envoy.types import Resource, duration, extension, typed
from tidegate.names import BACKEND_HEADER, FIRST_HEADER, FROM_CACHE_HEADER, MODEL_HEADER, REVISION_HEADER

SWITCHES: Final = "switches"
"""Name of the runtime layer."""
LOG: Final = "tidegate.log_line"
RECORD: Final = "tidegate.record"
TRACE: Final = "tracing.random_sampling"
"""Envoy's own key. A number alone counts percent here, and in our own keys, which filters name, what the filters say."""
OF: Final = "TEN_THOUSAND"
RECORDS: Final = "records"
SOCKET: Final = "records.sock"
COLLECTOR: Final = "collector"
RECORDS_BUFFER: Final = 1 << 20
RECORDS_FLUSH: Final = 0.5
"""Seconds after which a record is sent at the latest."""
EXPORT_TIMEOUT: Final = 1.0
LINE: Final[dict[str, Any]] = {
    "time": "%START_TIME%",
    "method": "%REQUEST_HEADER(:METHOD):16%",
    "path": "%PATH(NQ:PATH):512%",
    "protocol": "%PROTOCOL%",
    "model": f"%REQUEST_HEADER({MODEL_HEADER})%",
    "route": "%ROUTE_NAME%",
    "backend": "%CLUSTER_METADATA(tidegate:backend)%",
    "revision": "%CLUSTER_METADATA(tidegate:revision)%",
    "engine": "%UPSTREAM_HOST%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "cache": f"%RESPONSE_HEADER({FROM_CACHE_HEADER})%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "duration_ms": "%DURATION%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "client_id": "%DYNAMIC_METADATA(tidegate:client)%",
    "request_id": "%REQUEST_HEADER(X-REQUEST-ID):256%",
}
"""Milliseconds count from the request's first byte. What does not apply is null. What clients may write at any length is cut: container
runtimes break lines of more than 16 KiB, and what is left is no JSON."""
_GAVE: Final = {
    name: f"%RESPONSE_HEADER({header})%"
    for name, header in (("backend", BACKEND_HEADER), ("revision", REVISION_HEADER))
}
"""Where nobody was asked: Envoy names whom the route would have asked."""
RECORDED: Final = (
    "%ROUTE_NAME%",
    "%UPSTREAM_CLUSTER_RAW%",
    "%RESPONSE_CODE%",
    "%RESPONSE_FLAGS%",
    "%RESPONSE_CODE_DETAILS%",
    "%DURATION%",
    "%DYNAMIC_METADATA(tidegate:told)%",
    "%DYNAMIC_METADATA(tidegate:too_long)%",
    "%DYNAMIC_METADATA(tidegate:refused)%",
    limiting.ALLOWED,
    limiting.RESERVED,
)
"""What brain/records/record.py reads, in this order. None has spaces, but for the last two, of which a request has one at most. They are one
text: as a field each they cost Envoy three times as much (design/0022)."""
RECORDED_LAST: Final = f"%REQUEST_HEADER({FIRST_HEADER})%"
"""Behind them, on a line of its own, because a client may have written it: Envoy refuses some requests before it drops foreign headers."""
RECORD_FIELD: Final = "is"


def switches(wanted: Observation) -> Resource:
    """A Runtime resource."""
    traces = {"numerator": _hundredths(wanted.traces), "denominator": OF}
    layer = {LOG: _hundredths(wanted.log_lines), RECORD: _hundredths(wanted.records), TRACE: traces}
    return {"name": SWITCHES, "layer": layer}


def _hundredths(percent: float) -> int:
    return round(percent * 100)


def access_logs() -> list[Resource]:
    """Lines and records are off until a switch says otherwise; the last is of what a cache waits for (caching.py)."""
    record = fluentd.log(
        "envoy.access_loggers.fluentd",
        RECORDS,
        {RECORD_FIELD: " ".join(RECORDED) + f"\n{RECORDED_LAST}"},
        flush=RECORDS_FLUSH,
        batch=RECORDS_BUFFER,
        again=0.5,
    )
    lines = [_lines(LINE, given_again=False), _lines({**LINE, **_GAVE}, given_again=True)]
    return [*lines, {**record, "filter": _switched(RECORD)}, caching.answers_log()]


def _lines(said: dict[str, Any], *, given_again: bool) -> Resource:
    line = extension(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={"json_format": said},
    )
    which = [_switched(LOG), caching.is_given_again(yes=given_again)]
    return {**line, "filter": {"and_filter": {"filters": which}}}


def _switched(key: str) -> Resource:
    """On for as many requests as the switch says, whatever their ids are: clients may choose those."""
    off = {"numerator": 0, "denominator": OF}
    return {"runtime_filter": {"runtime_key": key, "percent_sampled": off, "use_independent_randomness": True}}


def tracing(start: Start) -> Resource:
    """Fields of the connection manager, where there is a collector.

    Envoy draws lots by the request's id, which a client may choose: one that is no UUID is never drawn. It writes the lot into the id
    unless it is told not to, follows a client's x-client-trace-id, and its tracer follows a client's wish not to be sampled."""
    if not start.collector:
        return {}
    to = start.collector
    service = {"cluster": COLLECTOR, "uri": f"http://{to.host}:{to.port}{to.path}", "timeout": duration(EXPORT_TIMEOUT)}
    provider = extension(
        "envoy.tracers.opentelemetry",
        "envoy.config.trace.v3.OpenTelemetryConfig",
        http_service={"http_uri": service},
        service_name=to.service_name,
        sampler=extension("drawn", "envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig"),
    )
    # Envoy's own has the query, in which a client could hide a key
    url = {"tag": "http.url", "value": "%PATH(NQ:PATH)%"}
    nobody = {"value": 0}
    tracing_ = {"provider": provider, "random_sampling": nobody, "client_sampling": nobody, "custom_tags": [url]}
    ids = typed("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", pack_trace_reason=False)
    return {"tracing": tracing_, "request_id_extension": {"typed_config": ids}}
