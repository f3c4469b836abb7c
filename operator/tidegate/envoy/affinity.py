"""Requests that have something in common go to one engine: Maglev's table of hashes (Eisenbud and others, NSDI 2016), of which an engine
more moves little but what becomes its own, with bounded loads (Mirrokni, Thorup, Zadimoghaddam: Consistent Hashing with Bounded Loads,
SODA 2018): an engine that has more than BALANCE percent of the average is passed over, so that what is hot spreads. A ring of hashes
moved a third of the conversations among the others.

a request's                 is chosen by
-------------------------   ----------------------------------------------------------------------------------
rollout has `stickyBy`      that, of revisions and of engines: Envoy knows one hash a request
prompt, with `prefix`       what it begins with (native/src/prefix.rs)
header, in their order      the first that it has; where clients show tokens, whose it is stands for the token's own header, which is
                            taken off before, and another one every hour
address                     that, where it counts
none of these               the least busy of two: Envoy draws a lot, and the bound holds

https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/upstream/load_balancing/load_balancers#maglev
"""

from __future__ import annotations

from typing import Final

from tidegate.contract.affinity import Affinity
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Sticky
from tidegate.envoy import tokens
from tidegate.envoy.types import Resource, duration
from tidegate.names import CLIENT_HEADER, PREFIX_HEADER

SLOW_START: Final = 15.0
"""Seconds in which an engine that has just come gets to its weight, from a tenth of it on: it says that it is free, and has computed nothing yet."""
BIAS: Final = 2.0
"""What this router knows at this moment counts for more than a reading that is two seconds old: with 1, Envoy's own default, requests in a simulation
waited longer than with LeastRequest where one engine was half as fast, because a slow one went on getting its share."""
BALANCE: Final = 150
"""Percent of the average of requests under way that one engine may have."""
LB_POLICY: Final = {"LeastRequest": "LEAST_REQUEST", "RoundRobin": "ROUND_ROBIN", "Random": "RANDOM"}


def balancing(config: RouterConfig) -> Resource:
    """Fields of a cluster."""
    if config.affinity:
        return {"lb_policy": "MAGLEV"}
    return {"lb_policy": LB_POLICY[config.load_balancing], **(_weighed() if config.engine_load else {})}


def _weighed() -> Resource:
    """Fields for engines that have weights, which are divided by (requests under way + 1) to the power of BIAS."""
    asked = {
        "active_request_bias": {"default_value": BIAS, "runtime_key": "unused"},
        "slow_start_config": {"slow_start_window": duration(SLOW_START)},
    }
    return {"least_request_lb_config": asked}


def bounded(config: RouterConfig) -> Resource:
    """Fields of a cluster's common configuration."""
    return {"consistent_hashing_lb_config": {"hash_balance_factor": BALANCE}} if config.affinity else {}


def policy(sticky: Sticky | None, config: RouterConfig) -> Resource:
    """Fields of a route's action."""
    chosen = sticky or config.affinity
    if not chosen:
        return {}
    prompt = (PREFIX_HEADER,) if isinstance(chosen, Affinity) and chosen.prefix else ()
    names = (CLIENT_HEADER if config.tokens and name in tokens.HEADERS else name for name in chosen.headers)
    hashes = _by_client((*prompt, *dict.fromkeys(names)), chosen.address)
    return {"hash_policy": hashes} if hashes else {}


def _by_client(headers: tuple[str, ...], address: bool) -> list[Resource]:
    """The first of these that a request has decides, and none of the others.

    https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/route/v3/route_components.proto#config-route-v3-routeaction-hashpolicy
    """
    hashes: list[Resource] = [{"header": {"header_name": name}, "terminal": True} for name in headers]
    return hashes + ([{"connection_properties": {"source_ip": True}}] if address else [])
