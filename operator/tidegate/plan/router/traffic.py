"""Who answers a policy's routes: shares of backends times the traffic of each model's revisions.

a backend's model                                  then
------------------------------------------------   --------------------------------------------------------------
does not exist, has no active revision, or lacks   no traffic: the others of the route take its share, and the
  the adapter                                        policy says so (ResolvedRefs)
has no engine that answers                         the others take its share, if any of them answers; the policy
                                                     says so, and whether that is meant: it is scaled to zero
lost its status                                    as before, until its next pass finds what runs
any other                                          its share, divided among its revisions
none: it is a provider                             its share; whether it answers is the routers' to know

A route whose backends all lead nowhere begins with the first of its fallback that does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate import names
from tidegate.api.base import SecretKeyRef
from tidegate.api.external import External, Proxy
from tidegate.api.routingpolicy import Backend, RoutingPolicy, WeightedBackend
from tidegate.api.routingpolicy import Route as PolicyRoute
from tidegate.api.scaletozero import ScaleToZero
from tidegate.api.values import seconds
from tidegate.contract import destinations as contract
from tidegate.contract.destinations import Bounds, Destination, Engine, Hold
from tidegate.contract.routes import Fallback, FixedAnswer, Route, Sticky, Target
from tidegate.plan.kube.reading import integer, maps, part, text, texts
from tidegate.plan.plan import Manifest

KINDS: Final = {"timeToFirstToken": "first_tokens", "requestLatency": "durations"}
"""Kinds of objectives about a time, and what the routers call them."""
CLIENTS_KEYS: Final = ("authorization", "x-api-key")
WHOLE = 100
"""Percent: what a model's revisions share."""


@dataclass(frozen=True)
class Traffic:
    """The routes of a policy, and what there is to say about them."""

    routes: tuple[Route, ...]
    destinations: tuple[Destination, ...]
    unresolved: tuple[str, ...]
    """Sentences about references that lead nowhere."""
    silent: tuple[str, ...]
    """Backends with a share of which no engine answers."""
    waking: tuple[str, ...]
    """Backends with a share whose first engine starts, because requests wait for it."""
    serving: bool
    """Whether some destination of some route has an engine that answers."""
    at_zero: bool
    """Whether none has because all of their models are scaled to zero."""
    sent_to: Mapping[str, Mapping[str, int]]
    """Percent of a backend's requests that each of its revisions gets, by backend."""


@dataclass(frozen=True)
class Serving:
    """A revision of a model that gets requests."""

    name: str
    traffic: int
    served_name: str
    adapters: list[str]
    workload: str
    answers: bool


@dataclass(frozen=True)
class _Share:
    """A backend's part in a route."""

    backend: str
    model: str
    entry: WeightedBackend
    live: list[Serving]
    answers: bool
    bounds: Bounds | None
    external: External | None = None
    hold: Hold | None = None


@dataclass
class _Sum:
    told: tuple[Destination, ...]
    destinations: dict[str, Destination] = field(default_factory=dict)
    unresolved: list[str] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    awake: bool = False
    """Whether some backend with a share should have engines."""
    waking: dict[str, str] = field(default_factory=dict)
    serving: bool = False
    sent_to: dict[str, dict[str, int]] = field(default_factory=dict)


def traffic(policy: RoutingPolicy, models: Mapping[str, Manifest], told: Iterable[Destination] = ()) -> Traffic:
    """Every route with its targets. `told` are the destinations that the routers know at present."""
    backends = {backend.name: backend for backend in policy.spec.backends}
    found = _Sum(told=tuple(told))
    routes = []
    for route in policy.spec.routes:
        shares = [_share(route.name, backends[entry.name], entry, models, found) for entry in route.to.backends]
        targets = [target for share in _taken(shares) for target in _targets(share, found)]
        kept = sticky(models[share.model] for share in shares if share and share.model)
        first, *steps = [tuple(targets), *_steps(route, backends, models, found)]
        if not first and steps:
            first, *steps = steps
        weighted = first if kept else _reduced(first)
        fallback = _fallback(route, steps)
        routes.append(
            Route(name=route.name, models=tuple(route.models), targets=weighted, sticky=kept, fallback=fallback)
        )
    return Traffic(
        routes=tuple(routes),
        destinations=tuple(found.destinations.values()),
        unresolved=tuple(found.unresolved),
        silent=tuple(found.silent.values()),
        waking=tuple(found.waking.values()),
        serving=found.serving,
        at_zero=not (found.serving or found.awake or found.unresolved),
        sent_to=found.sent_to,
    )


def _steps(
    route: PolicyRoute, backends: Mapping[str, Backend], models: Mapping[str, Manifest], found: _Sum
) -> Iterator[tuple[Target, ...]]:
    """Of a route's fallback; backends that lead nowhere are left out."""
    for later in route.fallback.backends if route.fallback else ():
        entry = WeightedBackend(name=later.name, adapter=later.adapter)
        share = _share(route.name, backends[later.name], entry, models, found)
        if share:
            yield tuple(_targets(share, found))


def _fallback(route: PolicyRoute, steps: Sequence[tuple[Target, ...]]) -> Fallback | None:
    said = route.fallback.response if route.fallback else None
    answer = FixedAnswer(status=said.status, message=said.message) if said else None
    if not steps and not answer:
        return None
    longer = bool(route.fallback and "ContextTooLong" in route.fallback.also_on) or None
    return Fallback(steps=tuple(map(_reduced, steps)), answer=answer, longer=longer)


def revisions(model: Manifest) -> list[Serving]:
    """The revisions of a model that get requests, from its status."""
    found = []
    for entry in maps(model.get("status"), "revisions"):
        share = integer(entry, "traffic", WHOLE if text(entry, "role") == "Active" else 0)
        served = texts(entry, "servedNames")
        if share > 0 and served and text(entry, "name"):
            answers = integer(entry, "readyReplicas") > 0 and not model["metadata"].get("deletionTimestamp")
            adapters, workload = texts(entry, "adapters"), text(entry, "workload") or "Deployment"
            found.append(Serving(text(entry, "name"), share, served[0], adapters, workload, answers))
    return found


def scaled_to_zero(model: Manifest) -> bool:
    """Whether a model should have no engine, as it says itself."""
    going = model["metadata"].get("deletionTimestamp")
    return not going and integer(model.get("status"), "desiredReplicas", 1) == 0


def _share(
    route: str, backend: Backend, entry: WeightedBackend, models: Mapping[str, Manifest], found: _Sum
) -> _Share | None:
    """What a route's backend comes to; says in `found` what is wrong with it."""
    if backend.external:
        found.serving = found.serving or entry.share > 0
        return _Share(backend.name, "", entry, [], True, None, backend.external) if entry.share else None
    name = backend.model
    live = (
        revisions(models[name]) or _as_before(backend.name, name, entry.adapter, found.told) if name in models else []
    )
    if problem := _problem(name, models, live, entry.adapter):
        found.unresolved.append(f"route {route}: backend {backend.name}: {problem}")
        return None
    if entry.share == 0:
        return None
    answers = any(revision.answers for revision in live)
    found.serving, found.awake = found.serving or answers, found.awake or not scaled_to_zero(models[name])
    if not answers:
        _without_engines(backend.name, models[name], found)
    return _Share(backend.name, name, entry, live, answers, bounds(models[name]), hold=hold(models[name]))


def _without_engines(backend: str, model: Manifest, found: _Sum) -> None:
    name, waits = model["metadata"]["name"], hold(model) is not None
    if scaled_to_zero(model):
        asleep = f"backend {backend}: ModelDeployment {name!r} is scaled to zero"
        found.silent[backend] = f"{asleep}; the next request wakes it" if waits else asleep
    elif waits:
        starts = f"backend {backend}: the first engine of ModelDeployment {name!r} starts; requests wait for it"
        found.waking[backend] = starts
    else:
        found.silent[backend] = f"backend {backend}: no engine of ModelDeployment {name!r} answers"


def _taken(shares: Iterable[_Share | None]) -> list[_Share]:
    """Those who get a route's requests: while some answer, the shares of those who do not are theirs."""
    found = [share for share in shares if share]
    return [share for share in found if share.answers] or found


def _targets(share: _Share, found: _Sum) -> list[Target]:
    """A target for each revision of a backend's model; one for a provider."""
    if share.external:
        found.destinations[share.backend] = provider(share.backend, share.external)
        return [Target(destination=share.backend, weight=share.entry.share * WHOLE)]
    targets = []
    for revision in share.live:
        destination = _destination(share, revision)
        found.destinations[destination.name] = destination
        found.sent_to.setdefault(share.backend, {})[revision.name] = revision.traffic
        targets.append(Target(destination=destination.name, weight=share.entry.share * revision.traffic))
    return targets


def _as_before(backend: str, model: str, adapter: str | None, told: Iterable[Destination]) -> list[Serving]:
    """A model whose status names no revision at the moment, because it was lost, is sent to as before: its next pass finds what
    runs. Its destinations are those of the document that the routers have."""
    found = []
    for destination, engine in [(d, d.engine) for d in told if d.backend == backend and d.engine]:
        revision = destination.revision
        workloads = {names.engines_service(model, revision, kind): kind for kind in ("Deployment", "LeaderWorkerSet")}
        if engine.service in workloads and destination.name == _name(backend, revision, adapter):
            adapters = [adapter] if adapter else []
            found.append(Serving(revision, WHOLE, engine.model, adapters, workloads[engine.service], answers=False))
    return found


def _problem(name: str, models: Mapping[str, Manifest], live: list[Serving], adapter: str | None) -> str:
    if name not in models:
        return f"ModelDeployment {name!r} does not exist; create it, or correct the name"
    if not live:
        return f"ModelDeployment {name!r} has no revision yet"
    if adapter and not all(adapter in revision.adapters for revision in live):
        return f"ModelDeployment {name!r} has no adapter {adapter!r}; add it to spec.model.adapters"
    return ""


def sticky(models: Iterable[Manifest]) -> Sticky | None:
    """By what clients of a route are known: what its models say, the first one first."""
    found = [_sticky_by(model) for model in models]
    headers = dict.fromkeys(header for one in found for header in one.headers)
    address = any(one.address for one in found)
    return Sticky(headers=tuple(headers), address=address) if headers or address else None


def _sticky_by(model: Manifest) -> Sticky:
    written: Any = model.get("spec")
    for field_ in ("rollout", "canary", "stickyBy"):
        written = written.get(field_) if isinstance(written, Mapping) else None
    if not isinstance(written, Mapping):
        return Sticky()
    name = text(written.get("header"), "name")
    return Sticky(headers=(name.lower(),)) if name else Sticky(headers=CLIENTS_KEYS, address=True)


def bounds(model: Manifest) -> Bounds | None:
    """The times that a model's objectives are about, if any."""
    objectives = maps(model.get("spec"), "objectives")
    found = {kind: {seconds(text(one.get(kind), "max")) for one in objectives} - {0.0} for kind in KINDS}
    return (
        Bounds(**{KINDS[kind]: tuple(sorted(times)) for kind, times in found.items()}) if any(found.values()) else None
    )


def hold(model: Manifest) -> Hold | None:
    """How long requests wait for a model that may have no engine; None for one that always has."""
    wanted = part(model.get("spec"), "autoscaling").get("scaleToZero")
    if not isinstance(wanted, Mapping):
        return None
    return Hold(seconds=seconds(text(wanted, "holdRequests") or ScaleToZero().hold_requests))


def _destination(share: _Share, revision: Serving) -> Destination:
    adapter = share.entry.adapter
    return Destination(
        name=_name(share.backend, revision.name, adapter),
        backend=share.backend,
        revision=revision.name,
        model=share.model,
        bounds=share.bounds,
        hold=share.hold,
        engine=Engine(
            service=names.engines_service(share.model, revision.name, revision.workload),
            port=names.ENGINE_PORT,
            model=adapter or revision.served_name,
        ),
    )


def _name(backend: str, revision: str, adapter: str | None) -> str:
    return ".".join(filter(None, (backend, revision, adapter)))


def provider(backend: str, external: External) -> Destination:
    """The destination of a provider."""
    asked = contract.External(
        host=external.host,
        port=external.port,
        tls=external.tls,
        path=external.path,
        model=external.model,
        key=_entry(external.api_key_secret_ref),
        ca=_entry(external.ca_secret_ref),
        proxy=_proxy(external.proxy),
    )
    if external.protocol == "Anthropic":
        return Destination(name=backend, backend=backend, anthropic=asked)
    return Destination(name=backend, backend=backend, external=asked)


def _proxy(said: Proxy | None) -> contract.Proxy | None:
    return (
        contract.Proxy(host=said.host, port=said.port, credentials=_entry(said.credentials_secret_ref))
        if said
        else None
    )


def _entry(ref: SecretKeyRef | None) -> contract.SecretEntry | None:
    return contract.SecretEntry(secret=ref.name, entry=ref.key) if ref else None


def _reduced(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Weights as people wrote them, while no model shares its traffic between revisions."""
    if any(target.weight % WHOLE for target in targets):
        return tuple(targets)
    return tuple(Target(destination=t.destination, weight=t.weight // WHOLE) for t in targets)
