"""Whether an answer to a request is kept, and of what its key is made: as the routers decide it (brain/cache/asked.py). Pure.

the request                                           then
---------------------------------------------------   ---------------------------------------------
has a model that no route has                         it cannot be told
takes a route without a cache                         asked of an engine each time
has another path, or a body that is none or too long  asked of an engine each time
shows no client, where answers are for clients        asked of an engine each time
asks for something that is new each time              asked of an engine each time, and why
any other                                             kept, and its key is shown part by part
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidegate.brain.cache import bypass, key
from tidegate.brain.cache.turns import TURNS
from tidegate.cli.caching.seen import Policy
from tidegate.contract.cache import Cache
from tidegate.contract.routes import Route
from tidegate.envoy.caching import COUNTED, LARGEST
from tidegate.errors import TidegateError

REASONS: Final = {
    "body": "something in it by which this is decided, as temperature, stream or a tool's type, is of another type than the API's",
    "temperature": "its temperature is above maxTemperature, which is {cache.max_temperature:g}, or it says none and gets 1",
    "choices": "it asks for more than one answer",
    "logprobs": "it asks for the tokens' probabilities",
    "tool-results": "results of tools are in it, whose world may have changed",
    "live": "it asks for sound, for a search of the web or another tool that is not the client's own, for what stands elsewhere or comes later, "
    "or for a part of another engine's work",
}


class CannotTell(TidegateError):
    """What of the command line is wrong, and what to write instead."""


@dataclass(frozen=True)
class Written:
    """The command line."""

    model: str
    prompt: str
    filename: str
    path: str
    client: str
    headers: tuple[str, ...]

    def body(self, text: str | None) -> dict[str, Any]:
        """Of the request; `text` is what the file says. Raises CannotTell."""
        if (text is None) == (not self.prompt):
            raise CannotTell("write one of --prompt and --filename: what is asked")
        if text is None:
            said = self._asking()
        else:
            found = key.read(text.encode())
            if found is None:
                raise CannotTell(f"{self.filename}: a body is a JSON object")
            said = found
        model = self.model or said.get("model")
        if not isinstance(model, str) or not model:
            raise CannotTell("write --model: the public name that clients write in `model`")
        return {**said, "model": model}

    def _asking(self) -> dict[str, Any]:
        """As the API has it."""
        kind = key.kind_of(self.path) or "chat"
        chat = TURNS[kind] == "messages"
        return {TURNS[kind]: [{"role": "user", "content": self.prompt}] if chat else self.prompt}

    def named(self) -> dict[str, str]:
        """Headers, by name in lower case. Raises CannotTell."""
        pairs = [header.partition("=") for header in self.headers]
        if wrong := [name for name, equals, _ in pairs if not name or not equals]:
            raise CannotTell(f"--header {wrong[0]}: write NAME=VALUE")
        return {name.lower(): value for name, _, value in pairs}


@dataclass(frozen=True)
class Explained:
    """What there is to say."""

    kept: bool
    lines: tuple[str, ...]


def explained(policy: Policy, body: dict[str, Any], written: Written) -> Explained:
    """Of one request. Raises CannotTell."""
    model = str(body["model"])
    route = next((route for route in policy.config.routes if model in route.models), None)
    if route is None:
        there = sorted({name for each in policy.config.routes for name in each.models})
        raise CannotTell(
            f"no route of rpol/{policy.name} has the model {model}; there are {', '.join(there) or 'none'}"
        )
    where = f"rpol/{policy.name}: {model} takes route {route.name}"
    cache = next((cache for cache in policy.config.caches or () if cache.name == route.cache), None)
    if cache is None:
        why = policy.condition or "the route has no cache"
        return Explained(False, (f"{where}: {why}",))
    if why := _why_not(cache, body, written):
        return Explained(False, (f"{where}, CacheTier {cache.name}: asked of an engine each time, because {why}",))
    lines = [f"{where}, CacheTier {cache.name}: an answer to it is kept"]
    lines += [f"  {name:<12} {value}" for name, value in _parts(policy, route, cache, body, written)]
    if policy.condition:
        lines.append(f"  {'but':<12} {policy.condition}")
    return Explained(True, tuple(lines))


def _why_not(cache: Cache, body: dict[str, Any], written: Written) -> str:
    kind = key.kind_of(written.path)
    if kind is None:
        return f"answers of {written.path} are not kept; those of {', '.join(key.PATHS)} are"
    if len(json.dumps(body)) > LARGEST:
        return f"its body is longer than {LARGEST >> 10} KiB"
    if cache.sharing == "Client" and not written.client:
        return "an answer is for the client alone whose it is; write --client"
    reason = bypass.why_not(kind, body, cache.max_temperature)
    return REASONS.get(reason, reason).format(cache=cache)


def _parts(
    policy: Policy, route: Route, cache: Cache, body: dict[str, Any], written: Written
) -> Iterator[tuple[str, str]]:
    """The key's, and how long an answer is kept."""
    path, _, query = written.path.partition("?")
    left_out = key.ignored(key.PATHS[path])
    counted, ignored = [name for name in body if name not in left_out], [name for name in body if name in left_out]
    known = {destination.name for destination in policy.config.destinations}
    yield "policy", f"{policy.namespace}/{policy.name}"
    yield "client", written.client if cache.sharing == "Client" else "all clients of the policy share"
    yield "model", str(body["model"])
    yield "path", path
    if query:
        yield "query", query
    yield "version", cache.version or "none"
    counts = COUNTED.get(path, ())
    if said := [f"{name}: {value}" for name, value in written.named().items() if name in counts]:
        yield "headers", ", ".join(said)
    yield (
        "answered by",
        " or ".join(t.destination for t in route.targets if t.destination in known) or "nobody at present",
    )
    yield "body", ", ".join(counted)
    if beside := [name for name in ignored if name != "model"]:
        yield "left out", f"{', '.join(beside)}: no answer depends on it"
    yield "layers", "; ".join(_layers(cache, _ttl(cache, written.named())))


def _ttl(cache: Cache, headers: dict[str, str]) -> float | None:
    """Seconds of the first rule that fits."""
    fits = (rule for rule in cache.ttl_rules if all(headers.get(name) == value for name, value in rule.headers))
    return next((rule.ttl_seconds for rule in fits), None)


def _layers(cache: Cache, ttl: float | None) -> Iterator[str]:
    layers: Sequence[tuple[str, Any]] = (("memory", cache.memory), ("exact", cache.exact), ("semantic", cache.semantic))
    for name, layer in layers:
        if layer:
            similar = f", from a cosine of {layer.threshold:g} on" if name == "semantic" else ""
            yield f"{name} for {ttl or layer.ttl_seconds:g} s{similar}"
