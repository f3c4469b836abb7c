"""RDS: public models as a map, weights, retries and timeouts; what the router answers itself.

path              model header     then
---------------   --------------   -----------------------------------------------
/healthz          -                200
/v1/models        -                the list
/v1/models/NAME   -                one model
any               a public model   its route (503 when nobody can answer it); one with a decision waits for the brain's word
any               another          404
any               none yet         the filter that finds the model decides
"""

from __future__ import annotations

import json
from typing import Final

from tidegate.contract.destinations import Destination
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route as RouteConfig
from tidegate.envoy import chain, decide, openai
from tidegate.envoy.attempt import retry_policy
from tidegate.envoy.clusters import UNPARSED
from tidegate.envoy.types import Resource, duration, extension, typed
from tidegate.names import BACKEND_HEADER, DECIDED_HEADER, INTERNAL_HEADERS, MODEL_HEADER, REVISION_HEADER, ROUTE_HEADER

ROUTES: Final = "models"
"""Name of the route configuration."""
LARGEST_BODY: Final = 16 << 20
"""Bytes; larger requests are answered with 413."""
UPLOAD_IDLE: Final = 15.0
"""Seconds without a byte of a body that is still coming: what it holds is for others then."""
LONGER_NAME: Final = 1 << 10
"""Bytes by which a body may grow when an engine's own name for the model is put in."""
RETRY_AFTER: Final = "5"
"""Seconds that a client is asked to wait when no engine is ready."""
LARGEST_ANSWER: Final = 4 << 20
CLIENTS_SECRETS: Final = ("authorization", "proxy-authorization", "x-api-key", "api-key", "cookie")
"""Not passed on to an engine: what a client shows is for the front door."""
ENGINES_HEADERS: Final = ("server", *INTERNAL_HEADERS)
"""Not passed on from an engine's answer: what it runs, and names that are ours to write."""


def route_configuration(config: RouterConfig) -> Resource:
    """The whole table."""
    destinations = {destination.name: destination for destination in config.destinations}
    by_model = {model: route for route in config.routes for model in route.models}
    actions = {
        route.name: _route({"name": route.name, **_model_route(route, destinations, config)}) for route in config.routes
    }
    table = _map(MODEL_HEADER, {model: actions[route.name] for model, route in by_model.items()}, otherwise=_unknown())
    if decide.needed(config):
        table = _map(DECIDED_HEADER, actions, otherwise={"matcher": table})
    return {
        "name": ROUTES,
        "validate_clusters": True,
        "max_direct_response_body_size_bytes": LARGEST_ANSWER,
        "request_headers_to_remove": list(CLIENTS_SECRETS),
        "response_headers_to_remove": list(ENGINES_HEADERS),
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "typed_per_filter_config": chain.of_policy(config),
                "matcher": _map(":path", _own(by_model), otherwise={"matcher": table}),
            }
        ],
    }


def _map(header: str, actions: dict[str, Resource], otherwise: Resource) -> Resource:
    """A matcher that looks a header's value up, in one step whatever the number of entries."""
    header_input = extension(header, "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=header)
    return {"matcher_tree": {"input": header_input, "exact_match_map": {"map": actions}}, "on_no_match": otherwise}


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


def _own(by_model: dict[str, RouteConfig]) -> dict[str, Resource]:
    """Paths that need no engine."""
    one = {
        f"/v1/models/{name}": _route(_answer(200, json.dumps(openai.model(name)), content_type="application/json"))
        for name in by_model
    }
    listed = _answer(200, openai.model_list(sorted(by_model)), content_type="application/json")
    return {"/healthz": _route(_answer(200, "ok\n")), "/v1/models": _route(listed), **one}


def _unknown() -> Resource:
    """A model that no route has; and, before the model is known, a place to wait with room for a large body."""
    named = extension(MODEL_HEADER, "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=MODEL_HEADER)
    below = extension(":path", "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=":path")
    has_model = {"single_predicate": {"input": named, "value_match": {"safe_regex": {"google_re2": {}, "regex": ".+"}}}}
    asks_model = {"single_predicate": {"input": below, "value_match": {"prefix": "/v1/models"}}}
    missing = openai.error(
        "The model does not exist; GET /v1/models lists those that do.", "NotFoundError", 404, "model"
    )
    answer = _route(_answer(404, json.dumps(missing), content_type="application/json"))
    either = {"or_matcher": {"predicate": [has_model, asks_model]}}
    waiting = _route(_waiting(duration(UPLOAD_IDLE)))
    return {
        "matcher": {"matcher_list": {"matchers": [{"predicate": either, "on_match": answer}]}, "on_no_match": waiting}
    }


def _waiting(idle_timeout: str) -> Resource:
    """Nobody's route: a filter leads the request to another one."""
    return {
        "request_body_buffer_limit": LARGEST_BODY,
        "route": {"cluster": UNPARSED, "idle_timeout": idle_timeout},
    }


def _model_route(route: RouteConfig, destinations: dict[str, Destination], config: RouterConfig) -> Resource:
    if route.decision:
        return {**_waiting(duration(decide.TIMEOUT + 1)), "typed_per_filter_config": decide.here(route.decision)}
    if not route.targets:
        nobody = openai.error("No engine can answer this model at present; try again.", "ServiceUnavailable", 503)
        headers = {"content_type": "application/json", "retry_after": RETRY_AFTER}
        return _answer(503, json.dumps(nobody), **headers)
    clusters = [
        {
            "name": target.destination,
            "weight": target.weight,
            "response_headers_to_add": _labels(route.name, destinations[target.destination]),
        }
        for target in route.targets
    ]
    action = {
        "weighted_clusters": {"clusters": clusters},
        "timeout": duration(config.timeouts.request_seconds),
        "idle_timeout": duration(config.timeouts.idle_seconds),
        "retry_policy": retry_policy(config),
    }
    return {"route": action, "request_body_buffer_limit": LARGEST_BODY + LONGER_NAME}


def _labels(route: str, destination: Destination) -> list[Resource]:
    """Who answered, for clients and for canary tests."""
    return [
        _set_header(BACKEND_HEADER, destination.backend),
        _set_header(REVISION_HEADER, destination.revision),
        _set_header(ROUTE_HEADER, route),
    ]
