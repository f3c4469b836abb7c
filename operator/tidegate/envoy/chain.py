"""The policy's HTTP filters. They stand in the virtual host, not in the listener, so that filters, routes and weights change
together with one file, and a change cuts no stream. The chain is chosen on the first match of a request's route; filters inside it
take their own configuration by route from the last one.

https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/filter_chain_filter
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import caching, cors, decide, hold, limiting, native, tokens
from tidegate.envoy.clients import NOT_READ, Clients
from tidegate.envoy.lua import route_by_model, unusual
from tidegate.envoy.types import Resource, extension, typed

NAME: Final = "chain"
_TYPE: Final = "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig"


def place() -> Resource:
    """The listener's filter, which runs what the virtual host says."""
    return extension(NAME, _TYPE)


def of_policy(config: RouterConfig, module: str, clients: Clients = NOT_READ, held: Collection[str] = ()) -> Resource:
    """The virtual host's `typed_per_filter_config`; `clients` counts where clients have keys, `held` are routes whose requests wait."""
    return {
        **_chain(config, module, clients, held),
        **cors.policy(config.cors),
        **(decide.nowhere() if decide.needed(config) else {}),
        **(caching.nowhere() if caching.needed(config) else {}),
        **(hold.nowhere() if held else {}),
        **limiting.nowhere(config),
    }


def of_unusual(config: RouterConfig, module: str, clients: Clients = NOT_READ, held: Collection[str] = ()) -> Resource:
    """The same of the route where unusual requests wait."""
    return _chain(config, module, clients, held, unusual())


def _chain(config: RouterConfig, module: str, clients: Clients, held: Collection[str], *first: Resource) -> Resource:
    filters = [
        *cors.filters(config.cors),
        *first,
        *([tokens.verify(config.tokens, clients.jwks)] if config.tokens and clients.jwks and module else []),
        _model(config, module, clients),
        # before the one that may choose another route: who is asked there is asked once
        *limiting.filters(config),
        *([decide.ask_the_brain(config)] if decide.needed(config) else []),
        *([*caching.give_again(config, module), caching.ask_the_brain(config)] if _keeps(config, module) else []),
        *([hold.wait_for_an_engine(config)] if held else []),
    ]
    return {NAME: typed(f"{_TYPE}PerRoute", filter_chain={"filters": filters})}


def _keeps(config: RouterConfig, module: str) -> bool:
    """Answers are kept by the native filters alone."""
    return caching.needed(config) and bool(module)


def _model(config: RouterConfig, module: str, clients: Clients) -> Resource:
    """The filter that knows the client and finds a request's model. Lua knows no clients: where they have keys it lets nobody in."""
    if not module:
        return route_by_model(shut=config.clients)
    return native.route(
        module,
        end_broken=config.streams.end_broken,
        ask_usage=config.observation.stream_tokens,
        first_token=config.timeouts.first_token_seconds,
        limits=limiting.LEDGER if config.limits else "",
        kept=caching.largest_answer(config),
        prefix=bool(config.affinity and config.affinity.prefix),
        clients=clients if config.clients else None,
    )
