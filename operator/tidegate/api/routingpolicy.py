"""RoutingPolicy: an OpenAI-compatible front door, and which model answers what."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tidegate.api import bounds
from tidegate.api.auth import Auth
from tidegate.api.balancing import LoadBalancing
from tidegate.api.base import (
    KEYED_BY_NAME,
    NAME_RULE,
    SET,
    LocalRef,
    Name,
    ObjectMeta,
    Part,
    Rule,
    Words,
    cel_format,
)
from tidegate.api.breaking import CircuitBreaker
from tidegate.api.external import External
from tidegate.api.fallback import Fallback
from tidegate.api.limits import Limit
from tidegate.api.modeldeployment import ServedName
from tidegate.api.price import Price
from tidegate.api.router import Router
from tidegate.api.status import RoutingPolicyStatus
from tidegate.api.values import HTTP_URL, Duration, Percent, seconds


class Backend(Part):
    """A model that can answer: exactly one of modelDeploymentRef and external."""

    name: Name
    """Name that routes use."""
    model_deployment_ref: LocalRef | None = None
    """The ModelDeployment, in the same namespace."""
    external: External | None = None
    """A provider outside the cluster. Needs routers with the native filters; others leave it out."""
    price: Price | None = None
    """What its tokens cost. Default: nobody knows, and no dollars are told of."""

    rules: ClassVar = (
        Rule(
            "!has(self.modelDeploymentRef) || "
            "self.modelDeploymentRef.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.modelDeploymentRef.name.size() <= 45",
            "modelDeploymentRef.name must be the name of a ModelDeployment: a-z, 0-9 and '-', at most 45 characters",
            lambda b: b.model_deployment_ref is None or NAME_RULE.holds(_Named(b.model_deployment_ref)),
            ".modelDeploymentRef",
        ),
        Rule(
            "has(self.modelDeploymentRef) != has(self.external)",
            "a backend needs exactly one of modelDeploymentRef and external, for example modelDeploymentRef: {name: llama-3-8b}",
            lambda b: (b.model_deployment_ref is None) != (b.external is None),
        ),
    )

    @property
    def model(self) -> str:
        """Name of the ModelDeployment; a provider has none."""
        return self.model_deployment_ref.name if self.model_deployment_ref else ""


class _Named:
    def __init__(self, ref: LocalRef) -> None:
        self.metadata = ref


class WeightedBackend(Part):
    """A backend with its share of a route."""

    name: Name
    """Name of the backend."""
    weight: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Relative share of the route's requests; 0 gets none. Default: 1."""
    adapter: Name | None = None
    """A LoRA adapter of that model. Default: the model itself."""

    @property
    def share(self) -> int:
        """The weight that counts."""
        return 1 if self.weight is None else self.weight


class Destination(Part):
    """Who answers a route."""

    backends: Annotated[list[WeightedBackend], Field(min_length=1, max_length=16, json_schema_extra=KEYED_BY_NAME)]
    """One backend, or several with weights."""

    rules: ClassVar = (
        Rule(
            "self.backends.exists(b, !has(b.weight) || b.weight > 0)",
            "at least one backend needs a weight above 0; a route without any answers nothing",
            lambda d: any(b.share > 0 for b in d.backends),
            ".backends",
        ),
    )


class RouteCache(Part):
    """Answers that are given again."""

    cache_tier_ref: LocalRef
    """The CacheTier, in the same namespace, that says which, for how long and for whom. While there is none, every request is asked of an
    engine."""


class Route(Part):
    """Public model names, and who answers them."""

    name: Name
    """Name of the route."""
    models: Annotated[list[ServedName], Field(min_length=1, max_length=bounds.ROUTE_MODELS, json_schema_extra=SET)]
    """Public model names: what clients write in `model`."""
    to: Destination
    """Who answers; `model` in the body becomes the backend's own name."""
    fallback: Fallback | None = None
    """Who answers when they do not. Default: nobody."""
    cache: RouteCache | None = None
    """Answers that are given again to the same question. Default: none; every request is asked of an engine."""

    rules: ClassVar = (
        Rule(
            "!has(self.fallback) || !has(self.fallback.backends) || "
            "self.fallback.backends.all(f, !self.to.backends.exists(b, b.name == f.name))",
            "a fallback to a backend that the route already asks leads nowhere new; name another one, or leave it out",
            lambda r: r.fallback is None or not {b.name for b in r.fallback.backends} & {b.name for b in r.to.backends},
            ".fallback",
        ),
    )

    @property
    def named(self) -> list[str]:
        """The backends that it names, in order."""
        later = self.fallback.backends if self.fallback else []
        return [*(backend.name for backend in self.to.backends), *(backend.name for backend in later)]


RetryCode = Annotated[int, Field(ge=400, le=599)]


class Retry(Part):
    """What is tried again on another engine, as long as the client has seen nothing."""

    attempts: Annotated[int, Field(ge=0, le=10)] = 2
    """Attempts beyond the first; 0 tries nothing again."""
    codes: Annotated[list[RetryCode], Field(max_length=32, json_schema_extra=SET)] = [429, 503]
    """Answers of an engine that are tried again."""
    reasons: Annotated[list[Literal["ConnectFailure", "Reset"]], Field(max_length=2, json_schema_extra=SET)] = [
        "ConnectFailure",
        "Reset",
    ]
    """Failures of the connection that are tried again."""
    backoff: Duration = "25ms"
    """Pause before the first retry; it doubles, with jitter, up to ten times this."""

    rules: ClassVar = (
        Rule(
            "!has(self.backoff) || (duration(self.backoff) >= duration('1ms') && duration(self.backoff) <= duration('10s'))",
            "backoff must be between 1ms and 10s, for example 25ms",
            lambda r: 0.001 <= seconds(r.backoff) <= 10,
            ".backoff",
        ),
    )


class Timeouts(Part):
    """How long things may take."""

    request: Duration = "10m"
    """From the last byte of the request to the last byte of the answer, retries included; 0s is no limit."""
    idle: Duration = "5m"
    """Without a byte in either direction, the first token included; 0s is no limit."""
    attempt: Duration = "0s"
    """From the last byte of the request to the first of the answer's body, for each engine that is asked: then the next one is, as after a
    reset, and 504 is the answer when `retry` and `fallback` allow no more. An answer that is no stream begins when it is whole, so give
    it the time that your longest one takes. 0s is no limit."""
    first_token: Duration = "0s"  # noqa: S105 - a duration, not a secret
    """Of a stream, from the last byte of the request to the first of the answer's body, for each engine that is asked: then the next one
    is, as after a reset, and 504 is the answer when `retry` and `fallback` allow no more. Other answers are not bound by it, nor is what
    follows the first byte. 0s is `attempt`'s. Routers without the native filters have none, and the condition NativeFilters says so."""

    rules: ClassVar = (
        Rule(
            " && ".join(
                f"(!has(self.{name}) || duration(self.{name}) <= duration('24h'))"
                for name in ("request", "idle", "attempt", "firstToken")
            ),
            "timeouts must be at most 24h; 0s is no limit",
            lambda t: max(map(seconds, (t.request, t.idle, t.attempt, t.first_token))) <= 86400,
        ),
    )


class Streams(Part):
    """What becomes of streamed answers."""

    end_broken: bool = True
    """A stream that breaks off after its first token ends with an error event in the shape of the API that was asked, which SDKs raise as
    their own error; over HTTP/1.1 its connection ends with the answer. false tears the connection, as engines do. Routers without the
    native filters always do that."""


class AccessLog(Part):
    """A line of JSON on the routers' stdout for each request: who was asked, who answered, how long it took. Bodies, queries and
    keys are not in it."""

    sampling: Percent = "100%"
    """Share of the requests."""


class Tracing(Part):
    """OpenTelemetry traces from the router to the engine, which vLLM goes on with."""

    otlp_endpoint: Annotated[str, Field(pattern=HTTP_URL, max_length=512)]
    """Collector, OTLP over HTTP: `http://HOST:PORT/PATH`. Default port 4318, default path `/v1/traces`. Another one replaces the router Pods."""
    sampling: Percent = "1%"
    """Share of the requests, whatever their clients ask for; a client's trace is gone on with."""


class Observability(Part):
    """What the routers tell of requests, beside their metrics."""

    access_log: AccessLog | None = None
    """Lines on stdout. Default: none; `{}` for every request."""
    tracing: Tracing | None = None
    """Traces. Default: none."""
    stream_tokens: bool = True
    """The tokens of every stream are counted: the engine is asked for its usage (`stream_options.include_usage`) also where the client did
    not ask, who does not see it then. false counts those whose clients ask. Routers without the native filters count none."""


_NAMED_CEL = "(r.to.backends.map(b, b.name) + (has(r.fallback) && has(r.fallback.backends) ? r.fallback.backends.map(f, f.name) : []))"
_UNKNOWN = "route {} names backend {}, which is not in spec.backends; add it there, or correct the name"
_REPEATED = "model {} stands in several routes, and may stand in one only; remove it from the others"
# map with a condition, because the API server forgets the bounds of what filter()[0] gives
_UNKNOWN_CEL = (
    f"self.routes.map(r, {_NAMED_CEL}.map(n, !self.backends.exists(k, k.name == n), "
    f"{cel_format(_UNKNOWN, 'r.name', 'n')})).filter(w, w.size() > 0)[0][0]"
)
_MANY_CEL = "self.routes.map(r, r.models.size()).sum() > 512"
"""To compare more names than these costs more than the API server allows; the operator compares them all."""
_REPEATED_CEL = (
    "self.routes.map(r, r.models.map(m, !self.routes.exists_one(o, m in o.models), "
    f"{cel_format(_REPEATED, 'm')})).filter(w, w.size() > 0)[0][0]"
)


def _unknown(spec: Any, route: Route) -> list[str]:
    known = {backend.name for backend in spec.backends}
    return [name for name in route.named if name not in known]


def _unknown_said(spec: Any) -> str:
    return next(_UNKNOWN.format(route.name, backend) for route in spec.routes for backend in _unknown(spec, route))


def _repeated(spec: Any) -> list[str]:
    counted = Counter(model for route in spec.routes for model in set(route.models))
    return [model for route in spec.routes for model in route.models if counted[model] > 1]


class RoutingPolicySpec(Part):
    """A front door."""

    router: Router = Router()
    """The Pods that carry the traffic. Default: two replicas, in a Deployment and a Service of their own."""
    auth: Auth
    """Who may ask: clients with `apiKeys`; for everybody write `anonymous: {}`."""
    backends: Annotated[list[Backend], Field(min_length=1, max_length=bounds.BACKENDS, json_schema_extra=KEYED_BY_NAME)]
    """Models that can answer."""
    routes: Annotated[list[Route], Field(min_length=1, max_length=bounds.ROUTES, json_schema_extra=KEYED_BY_NAME)]
    """Public model names, and who answers them."""
    load_balancing: LoadBalancing = LoadBalancing()
    """Which engine of a model gets a request."""
    retry: Retry = Retry()
    """What is tried again on another engine."""
    timeouts: Timeouts = Timeouts()
    """How long things may take."""
    circuit_breaker: CircuitBreaker | None = None
    """Who answers with errors is left alone for a while. Default: nobody is; what engines answer is between them and the client."""
    streams: Streams = Streams()
    """What becomes of streamed answers."""
    observability: Observability = Observability()
    """What the routers tell of requests."""
    limits: Annotated[list[Limit], Field(max_length=bounds.LIMITS, json_schema_extra=KEYED_BY_NAME)] = []
    """How much may be asked for; a request has to be within all of them."""
    limits_unavailable: Literal["Allow", "Refuse"] = "Allow"
    """What becomes of requests while the process that counts does not answer: they pass uncounted, or are answered with 503. A store that
    is away is no such moment: each router counts its part of the limits alone then."""
    store_ref: LocalRef | None = None
    """The CacheTier, in the same namespace, in whose store all routers of the policy count together. Default: each router counts alone, so
    that a limit holds for each replica, and the condition LimitsShared says so."""

    @property
    def tiers(self) -> tuple[str, ...]:
        """The CacheTiers of its routes, each once."""
        return tuple(dict.fromkeys(route.cache.cache_tier_ref.name for route in self.routes if route.cache))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The Secrets that routers read, each once; those of CacheTiers are not among them."""
        providers = (name for backend in self.backends if backend.external for name in backend.external.secrets)
        return tuple(dict.fromkeys((*self.auth.secrets, *providers)))

    rules: ClassVar = (
        Rule(
            "!has(self.limits) || !has(self.auth.anonymous) || self.limits.all(l, l.per != 'Client')",
            "with auth.anonymous clients are not told apart; write per: Address or per: Policy, or tell them apart with auth.apiKeys or auth.jwt",
            lambda s: not s.auth.anonymous or all(limit.per != "Client" for limit in s.limits),
            ".limits",
        ),
        Rule(
            "!has(self.storeRef) || (has(self.limits) && self.limits.size() > 0)",
            "storeRef is where limits are counted; write limits, or leave it out",
            lambda s: not s.store_ref or bool(s.limits),
            ".storeRef",
        ),
        Rule(
            "!has(self.router) || !has(self.router.placement) || self.router.placement != 'Sidecar' || self.routes.all(r, !has(r.cache))",
            "a router beside an engine gives no answers again; leave cache out of its routes, or let routers of their own lead to the model",
            lambda s: not s.router.sidecar or all(route.cache is None for route in s.routes),
            ".routes",
        ),
        Rule(
            "!has(self.router) || !has(self.router.placement) || self.router.placement != 'Sidecar' || "
            "self.backends.filter(b, has(b.modelDeploymentRef)).size() == 1",
            "with placement Sidecar the only engine is the one in the router's Pod: name its ModelDeployment in one backend, and no other; "
            "external backends may stand beside it",
            lambda s: not s.router.sidecar or sum(bool(b.model) for b in s.backends) == 1,
            ".backends",
        ),
        Rule(
            f"self.routes.all(r, {_NAMED_CEL}.all(n, self.backends.exists(k, k.name == n)))",
            "a route names a backend that is not in spec.backends; add it there, or correct the name",
            lambda s: not any(_unknown(s, r) for r in s.routes),
            ".routes",
            Words(_UNKNOWN_CEL, _unknown_said),
        ),
        Rule(
            "!self.backends.exists(b, has(b.external)) || !has(self.auth.anonymous) || "
            "(has(self.auth.anonymous.allowExternal) && self.auth.anonymous.allowExternal)",
            "everybody who reaches the Service could spend what an external backend costs; give clients keys (auth.apiKeys), or say that "
            "this is meant: auth: {anonymous: {allowExternal: true}}",
            lambda s: (
                not s.auth.anonymous or s.auth.anonymous.allow_external or not any(b.external for b in s.backends)
            ),
            ".auth",
        ),
        Rule(
            f"{_MANY_CEL} || self.routes.all(r, r.models.all(m, self.routes.exists_one(o, m in o.models)))",
            "a public model name may stand in one route only; remove it from the other",
            lambda s: not _repeated(s),
            ".routes",
            Words(_REPEATED_CEL, lambda s: _REPEATED.format(_repeated(s)[0])),
        ),
    )


class RoutingPolicy(Part):
    """An OpenAI-compatible front door, and which model answers what."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["RoutingPolicy"]
    metadata: ObjectMeta
    spec: RoutingPolicySpec
    """What clients may ask for, and who answers."""
    status: RoutingPolicyStatus | None = None
    """What runs."""

    rules: ClassVar = (NAME_RULE,)
    crd: ClassVar[dict[str, Any]] = {
        "short_names": ["rpol"],
        "scale": {
            "specReplicasPath": ".spec.router.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
        "columns": [
            ("Status", "string", ".status.conditions[?(@.type=='Ready')].reason", 0),
            ("Ready", "string", ".status.ready", 0),
            ("Address", "string", ".status.address", 0),
            ("Age", "date", ".metadata.creationTimestamp", 0),
            ("Models", "string", ".status.models", 1),
            ("Message", "string", ".status.conditions[?(@.type=='Ready')].message", 1),
        ],
    }
