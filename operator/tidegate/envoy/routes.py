"""RDS: public models as a map, weights, retries and timeouts; what the router answers itself.

a filter has said    then
-------------------  ------------------------------------------------------------------------------------------------
nothing yet          the request waits for the filter that finds its model; an unusual one has another chain of filters
an own path          the list of models, one of them, or that the router lives
a request let go     the route for which it waited
an answer is kept    the brain, and then the targets of the route (caching.py)
a decided route      that route; one whose models have no engine waits for one (hold.py)
a public model       its route (503 when nobody can answer it); one with a decision waits for the brain's word, one whose models have no
                       engine for an engine
another one          404

So the first route of every request is one that goes to a cluster: filters that look at the first route see the same everywhere, and
the one for CORS leaves alone what is answered directly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Final

from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route as RouteConfig
from tidegate.envoy import affinity, apis, caching, chain, cors, decide, hold, limiting, openai, paths, walk
from tidegate.envoy.attempt import RETRY_ON, retry_policy
from tidegate.envoy.clients import NOT_READ, Clients
from tidegate.envoy.clusters import UNPARSED
from tidegate.envoy.limits import LARGEST_BODY, LONGER_NAME, ONE_READ, RETRY_AFTER, UPLOAD_IDLE
from tidegate.envoy.types import Resource, duration, extension, typed
from tidegate.names import (
    ATTEMPTS_HEADER,
    BACKEND_HEADER,
    CACHED_HEADER,
    CLIENT_HEADER,
    DECIDED_HEADER,
    FIRST_HEADER,
    INTERNAL_HEADERS,
    LET_GO_HEADER,
    MODEL_HEADER,
    OWN_HEADER,
    REVISION_HEADER,
    ROUTE_HEADER,
)

ROUTES: Final = "models"
"""Name of the route configuration."""
LARGEST_ANSWER: Final = 4 << 20
ELSEWHERE: Final = "This model is answered by providers of Anthropic's API alone: ask it at /v1/messages."
UNKNOWN: Final = "The model does not exist; GET /v1/models lists those that do."
NOBODY: Final = "No engine can answer this model at present; try again."
CLIENTS_SECRETS: Final = ("authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", CLIENT_HEADER)
"""Not passed on to an engine: what a client shows is for the front door."""
PROVIDERS_HEADERS: Final = (
    "set-cookie",
    "alt-svc",
    "strict-transport-security",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
)
"""Not passed on from a provider's answer: what would bind a client to it, and whose account it is."""
ENGINES_HEADERS: Final = ("server", *cors.ENGINES_HEADERS, *INTERNAL_HEADERS, *PROVIDERS_HEADERS)
"""Not passed on from an engine's answer: what it runs, and what is ours to say."""


def route_configuration(
    config: RouterConfig, module: str = "", clients: Clients = NOT_READ, held: Collection[str] = ()
) -> Resource:
    """The whole table; `module` is the native filters' name, if there are any, `clients` who may ask where they have keys, `held` the
    routes whose requests wait for an engine."""
    return {
        "name": ROUTES,
        "validate_clusters": True,
        "max_direct_response_body_size_bytes": LARGEST_ANSWER,
        "request_headers_to_remove": list(CLIENTS_SECRETS),
        "response_headers_to_add": cors.varies(config.cors),
        "response_headers_to_remove": [*ENGINES_HEADERS, *(limiting.OURS if config.limits else ())],
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "typed_per_filter_config": chain.of_policy(config, module, clients, held),
                "matcher": _table(config, module, clients, held),
            }
        ],
    }


def _table(config: RouterConfig, module: str, clients: Clients, held: Collection[str]) -> Resource:
    by_model = {model: route for route in config.routes for model in route.models}
    actions = {route.name: _entry(route, config) for route in config.routes}
    waits = hold.patience(config)
    waiting = {r.name: _waits(r, waits[r.name], actions[r.name], config) for r in config.routes if r.name in held}
    entries = {**actions, **waiting}
    models = {model: entries[route.name] for model, route in by_model.items()}
    table = _map(MODEL_HEADER, models, otherwise={"matcher": _unknown(config, module, clients, held)})
    if decide.needed(config):
        table = _map(DECIDED_HEADER, entries, otherwise={"matcher": table})
    if waits:
        table = _map(LET_GO_HEADER, {name: actions[name] for name in sorted(waits)}, otherwise={"matcher": table})
    if cached := {r.name: _each_api(r, config, _cached_route) for r, _ in caching.routes(config)}:
        table = _map(CACHED_HEADER, cached, otherwise={"matcher": table})
    return _map(OWN_HEADER, _own(by_model), otherwise={"matcher": table})


def _map(header: str, actions: dict[str, Resource], otherwise: Resource) -> Resource:
    """A matcher that looks a header's value up, in one step whatever the number of entries."""
    return {"matcher_tree": {"input": _header(header), "exact_match_map": {"map": actions}}, "on_no_match": otherwise}


def _header(name: str) -> Resource:
    return extension(name, "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name)


def _route(route: Resource) -> Resource:
    return {
        "action": {
            "name": "route",
            "typed_config": typed("envoy.config.route.v3.Route", match={"prefix": "/"}, **route),
        }
    }


def _answer(status: int, text: str, **headers: str) -> Resource:
    added = [_set_header(name.replace("_", "-"), value) for name, value in headers.items()]
    body = {"inline_string": text}
    return {"direct_response": {"status": status, "body": body}, "response_headers_to_add": added}


def _set_header(name: str, value: str) -> Resource:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _entry(route: RouteConfig, config: RouterConfig) -> Resource:
    """Of a public model."""
    return _each_api(route, config, _model_route)


def _each_api(
    route: RouteConfig, config: RouterConfig, made: Callable[[RouteConfig, RouterConfig], Resource]
) -> Resource:
    """A route, or one for each API (apis.py)."""
    whole = _route({"name": route.name, **made(route, config)})
    if not apis.several(route, config):
        return whole
    left = apis.others(route, config)
    said = made(left, config) if left.targets else _elsewhere()
    return _by_api(whole, _route({"name": route.name, **said}))


def _elsewhere() -> Resource:
    """To a request of an API that nobody who answers the model speaks."""
    return _answer(400, json.dumps(openai.error(400, ELSEWHERE, "model")), content_type="application/json")


def _waits(route: RouteConfig, seconds: float, action: Resource, config: RouterConfig) -> Resource:
    """The same while it has no engine; a provider beside, who speaks Anthropic's API alone, is asked in that."""
    held = _route({"name": route.name, **_held(route, seconds, config)})
    beside = any(d.anthropic for d in config.destinations if d.name in {t.destination for t in route.targets})
    return _by_api(action, held) if beside else held


def _by_api(messages: Resource, others: Resource) -> Resource:
    """One action for requests of Anthropic's API, another one for all others."""
    of_anthropic = {"predicate": _says(":path", rf"{paths.MESSAGES}([/?].*)?"), "on_match": messages}
    return {"matcher": {"matcher_list": {"matchers": [of_anthropic]}, "on_no_match": others}}


def _own(by_model: dict[str, RouteConfig]) -> dict[str, Resource]:
    """Paths that need no engine."""
    one = {
        f"{paths.MODELS}/{name}": _route(_answer(200, json.dumps(openai.model(name)), content_type="application/json"))
        for name in by_model
    }
    listed = _answer(200, openai.model_list(sorted(by_model)), content_type="application/json")
    return {"/healthz": _route(_answer(200, "ok\n")), paths.MODELS: _route(listed), **one}


def _unknown(config: RouterConfig, module: str, clients: Clients, held: Collection[str]) -> Resource:
    """A model that no route has; and, before anything is known, a place to wait with room for a large body."""
    missing = _answer(404, json.dumps(openai.error(404, UNKNOWN, "model")), content_type="application/json")
    something = _any(_says(MODEL_HEADER, ".+"), _says(OWN_HEADER, ".+"))
    usual, other = _waiting(UPLOAD_IDLE), _waiting(UPLOAD_IDLE, LARGEST_BODY + ONE_READ)
    other["typed_per_filter_config"] = chain.of_unusual(config, module, clients, held)
    matchers = [
        {"predicate": something, "on_match": _route(missing)},
        {"predicate": _is_unusual(), "on_match": _route(other)},
    ]
    return {"matcher_list": {"matchers": matchers}, "on_no_match": _route(usual)}


def _is_unusual() -> Resource:
    """gRPC, and a body of 10 MB or more, or of a length that is not said."""
    return _any(
        _says("content-type", r"application/grpc(\+.*)?"), {"not_matcher": _says("content-length", "[0-9]{1,7}")}
    )


def _says(header: str, regex: str) -> Resource:
    value = {"safe_regex": {"google_re2": {}, "regex": regex}}
    return {"single_predicate": {"input": _header(header), "value_match": value}}


def _any(*predicates: Resource) -> Resource:
    return {"or_matcher": {"predicate": list(predicates)}}


def _waiting(seconds: float, most: int = LARGEST_BODY) -> Resource:
    """Nobody's route: a filter leads the request to another one. `most` bytes of a body are held meanwhile."""
    return {"request_body_buffer_limit": most, "route": {"cluster": UNPARSED, "idle_timeout": duration(seconds)}}


def _held(route: RouteConfig, seconds: float, config: RouterConfig) -> Resource:
    """Until the brain lets the request go, or says nothing for too long; limits and the cache are asked before."""
    return {**_waiting(seconds + 2 * hold.GRACE), "typed_per_filter_config": {**hold.here(), **_asked(route, config)}}


def _model_route(route: RouteConfig, config: RouterConfig) -> Resource:
    if route.decision:
        return {**_waiting(decide.TIMEOUT + 1), "typed_per_filter_config": decide.here(route.decision)}
    if not route.targets:
        headers = {"content_type": "application/json", "retry_after": RETRY_AFTER}
        return _answer(503, json.dumps(openai.error(503, NOBODY)), **headers)
    asked = walk.groups(route, config)
    first = [_set_header(FIRST_HEADER, "%UPSTREAM_CLUSTER_RAW%")]
    return {
        **_walked(asked, _retries(route, config, len(asked)), route, config),
        **({"request_headers_to_add": first} if len(asked) > 1 else {}),
        "response_headers_to_remove": list(caching.REMOVED),
        **({"typed_per_filter_config": filters} if (filters := _asked(route, config)) else {}),
    }


def _asked(route: RouteConfig, config: RouterConfig) -> Resource:
    """What the brain is asked on a route before anybody answers."""
    return {
        **(limiting.here() if config.limits else {}),
        **(caching.here() if caching.of_route(route, config) else {}),
    }


def _cached_route(route: RouteConfig, config: RouterConfig) -> Resource:
    """A brain that ends, or has nothing to say, costs a step of the walk. Where some failures of engines are not tried again, those of the
    brain still are, and the targets are the last who are asked."""
    asked = caching.walk(walk.groups(route, config))
    asked = asked if set(RETRY_ON) <= set(config.retry.reasons) else asked[:2]
    walked = _walked(asked, _retries(route, config, len(asked), last=len(asked) == 2), route, config)
    return {**walked, "response_headers_to_add": [*walked["response_headers_to_add"], caching.missed()]}


def _retries(route: RouteConfig, config: RouterConfig, walk: int, *, last: bool = False) -> Resource:
    after = route.fallback
    return retry_policy(config, walk, onward=bool(after), longer=bool(after and after.longer), last=last)


def _walked(asked: tuple[walk.Group, ...], retries: Resource, route: RouteConfig, config: RouterConfig) -> Resource:
    """Who is asked, one after the other."""
    action = {
        **walk.action(asked, sticky=bool(route.sticky)),
        **affinity.policy(route.sticky, config),
        "timeout": duration(config.timeouts.request_seconds),
        "idle_timeout": duration(config.timeouts.idle_seconds),
        "retry_policy": retries,
    }
    return {
        "route": action,
        "response_headers_to_add": _labels(route.name),
        "request_body_buffer_limit": LARGEST_BODY + LONGER_NAME,
    }


def _labels(route: str) -> list[Resource]:
    """Who answered, for clients and for canary tests; a provider has no revision, and what the router itself says at the end neither."""
    return [
        _set_header(BACKEND_HEADER, "%CLUSTER_METADATA(tidegate:backend)%"),
        _set_header(REVISION_HEADER, "%CLUSTER_METADATA(tidegate:revision)%"),
        _set_header(ROUTE_HEADER, route),
        _set_header(ATTEMPTS_HEADER, "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
    ]
