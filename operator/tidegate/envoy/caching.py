"""A question to the brain while a request waits: whether an answer is kept that it may have. Only where a route has a cache.

the brain says                  then the request
-----------------------------   --------------------------------------------------------------------------------------
nothing (it may not be cached,  goes on as without a cache
  or the brain is away)
a ticket                        goes on, and the native filter keeps the answer's bytes for the brain (ANSWERED)
a ticket, and a route `cached`  goes to the brain's own server; when that has nothing to say, on to the route's targets

Before it is asked, the native filter `again` gives what the brain has given before and lets be given again for a while, to requests that are
the same to the byte (native/src/again.rs): the brain hears of these by their tickets alone.

The question is asked after limits, for which each request is one, and before a model without engines is waited for. Answers travel as
records do (observe.py): nobody waits for them, and a brain that is gone costs what it would have kept.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/ext_authz_filter
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tidegate.contract.cache import Cache
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Route, Target
from tidegate.envoy import fluentd, native, question
from tidegate.envoy.types import Resource
from tidegate.envoy.walk import Group
from tidegate.names import (
    BACKEND_HEADER,
    CACHE_HEADER,
    CACHED_HEADER,
    DECIDED_HEADER,
    FROM_CACHE_HEADER,
    LEASE_HEADER,
    MODEL_HEADER,
    REVISION_HEADER,
    SIMILARITY_HEADER,
    TICKET_HEADER,
)

NAME: Final = "cache"
BRAIN: Final = "cache"
"""A cluster of its own: questions that take longer must not take connections from those that decide."""
CACHED: Final = "cached"
"""The cluster, and in records the destination, of answers that the brain gives."""
CACHED_SOCKET: Final = "cached.sock"
ANSWERS: Final = "answers"
ANSWERS_SOCKET: Final = "answers.sock"
WORD: Final = "again"
"""The file in which the brain says what may be given again (brain/cache/leases.py)."""
AGAIN: Final = "tidegate_given_again"
"""What Envoy's `response.code_details` says of such answers, as native/src/abi/host.rs has it."""
AGAIN_TICKET: Final = "+"
"""Begins the ticket of such an answer, and no other."""
GIVEN_AGAIN: Final = 16 << 20
"""Bytes of Envoy's memory for them, which nobody is asked for: one in a sixty-fourth of it at most, 256 KiB."""
TIMEOUT: Final = 2.0
"""Seconds after which a brain that says nothing counts as away."""
LARGEST: Final = 256 << 10
"""Bytes of a request's body that the brain reads; a longer one is not cached."""
ANSWERS_BUFFER: Final = 16 << 20
"""Bytes of answers that wait for a brain that is busy."""
ANSWERS_BATCH: Final = 1 << 20
"""Bytes of answers that wait for each other. What comes while Envoy connects, beyond that, is lost: others ask an engine."""
ANSWERS_FLUSH: Final = 0.05
"""Seconds after which an answer is sent at the latest: others may wait for it."""
_BELONGS: Final = ("content-type", BACKEND_HEADER, REVISION_HEADER)
"""Headers of an answer that are given again with it."""
DIRECTIVES: Final = (FROM_CACHE_HEADER, "cache-control")
"""Headers by which a request says how it wants to be treated."""
COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "/v1/messages": ("anthropic-version", "anthropic-beta"),
    "/v1/responses": ("openai-beta",),
}
"""Headers of an API, by its path, by which an answer may be another one: its version, and what is asked of it beyond that."""
_COUNTED: Final = tuple(name for names in COUNTED.values() for name in names)
ANSWERED: Final[dict[str, Any]] = {
    "ticket": f"%REQUEST_HEADER({TICKET_HEADER})%",
    "destination": "%UPSTREAM_CLUSTER_RAW%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "content_type": "%RESPONSE_HEADER(CONTENT-TYPE)%",
    "answer": "%DYNAMIC_METADATA(tidegate:answer)%",
}
"""What brain/cache/answered.py reads."""


def of_route(route: Route, config: RouterConfig) -> Cache | None:
    """Its cache, if it has one whose requests somebody can answer."""
    known = (cache for cache in config.caches or () if cache.name == route.cache)
    return next(known, None) if route.targets else None


def needed(config: RouterConfig) -> bool:
    """Whether any request is asked about."""
    return any(True for _ in routes(config))


def largest_answer(config: RouterConfig) -> int:
    """Bytes of the longest answer that any cache keeps; 0 where there is none."""
    return max((cache.max_answer_bytes for _, cache in routes(config)), default=0)


def give_again(config: RouterConfig, module: str) -> list[Resource]:
    """The filter, if any cache keeps anything in routers. A route that the brain chose for a request belongs to what it asks."""
    kept = [route for route, cache in routes(config) if cache.memory]
    deciding = [route for route in config.routes if route.decision]
    lines = [
        *(("model", f"{route.name} {model}") for route in (*kept, *deciding) for model in route.models),
        *(("also", name) for name in (DECIDED_HEADER, *_COUNTED)),
        *(("unless", name) for name in (*DIRECTIVES, *sorted(_told_apart(config)))),
        *(("copied", name) for name in _BELONGS),
    ]
    return [native.again(module, GIVEN_AGAIN, WORD, lines)] if kept else []


def ask_the_brain(config: RouterConfig) -> Resource:
    """The filter; a brain that is away costs hits and no request."""
    asked = "%ROUTE_NAME% %DYNAMIC_METADATA(tidegate:client)%"
    service = {
        "authorization_request": {"headers_to_add": [{"key": CACHE_HEADER, "value": asked}]},
        "authorization_response": {
            "allowed_upstream_headers": {
                "patterns": [{"exact": name} for name in (CACHED_HEADER, TICKET_HEADER, LEASE_HEADER)]
            },
            "allowed_client_headers_on_success": {"patterns": [{"exact": FROM_CACHE_HEADER}]},
        },
    }
    names = (MODEL_HEADER, *DIRECTIVES, *_COUNTED, *sorted(_told_apart(config)))
    return question.ask(
        NAME,
        BRAIN,
        TIMEOUT,
        service,
        allowed_headers={"patterns": [{"exact": name} for name in names]},
        failure_mode_allow=True,
        clear_route_cache=True,
    )


def _told_apart(config: RouterConfig) -> set[str]:
    return {name for cache in config.caches or () for rule in cache.ttl_rules for name, _ in rule.headers}


def nowhere() -> Resource:
    """The virtual host's configuration of the filter."""
    return question.nowhere(NAME)


def here() -> Resource:
    """The configuration of a route that has a cache."""
    return question.here(NAME, body=LARGEST, cut=True)


def walk(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """Of a request that is given an answer: the brain before all others."""
    return ((Target(destination=CACHED, weight=1),), *groups)


def missed() -> Resource:
    """Said of an answer on that walk which is not the brain's."""
    return {"header": {"key": FROM_CACHE_HEADER, "value": "miss"}, "append_action": "ADD_IF_ABSENT"}


def routes(config: RouterConfig) -> Iterator[tuple[Route, Cache]]:
    """Those that have a cache, with it."""
    return ((route, cache) for route in config.routes if (cache := of_route(route, config)))


def answers_log() -> Resource:
    """Of requests with a ticket."""
    log = fluentd.log("tidegate.answers", ANSWERS, ANSWERED, flush=ANSWERS_FLUSH, batch=ANSWERS_BATCH, again=0.1)
    return {**log, "filter": {"header_filter": {"header": {"name": TICKET_HEADER, "present_match": True}}}}


def is_given_again(*, yes: bool) -> Resource:
    """An access log's filter: of answers that Envoy gave again, or of all others."""
    begins = {"name": TICKET_HEADER, "string_match": {"prefix": AGAIN_TICKET}, "treat_missing_header_as_empty": True}
    return {"header_filter": {"header": {**begins, "invert_match": not yes}}}


REMOVED: Final = (FROM_CACHE_HEADER, SIMILARITY_HEADER)
"""Not passed on from an engine's answer: ours to say."""
