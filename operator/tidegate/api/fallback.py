"""Who is asked when a route's backends do not answer."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api.base import KEYED_BY_NAME, SET, Name, Part, Rule


class FallbackBackend(Part):
    """One who is asked when those before do not answer."""

    name: Name
    """Name of the backend."""
    adapter: Name | None = None
    """A LoRA adapter of that model. Default: the model itself."""


class FallbackResponse(Part):
    """What clients are told when nobody answers, as an error of the API that they asked."""

    status: Annotated[int, Field(ge=400, le=599)] = 503
    """Status of HTTP; with 429 and 503 clients are told to try again in 5 s."""
    message: Annotated[str, Field(min_length=1, max_length=1024)]
    """For people."""


class Fallback(Part):
    """A chain. A request goes on to the next one for what `spec.retry` tries again, and when an engine keeps silent for longer than
    `timeouts.firstToken`; first the route's own backends are tried as often as `retry.attempts` says, then each of these once. What a
    client has begun to read is not tried again."""

    backends: Annotated[list[FallbackBackend], Field(max_length=8, json_schema_extra=KEYED_BY_NAME)] = []
    """In this order."""
    also_on: Annotated[list[Literal["ContextTooLong"]], Field(max_length=1, json_schema_extra=SET)] = []
    """What goes on besides. ContextTooLong: an answer of 400 that says that prompt and answer do not fit into the model's context, for
    backends that have a longer one. Needs routers with the native filters. Default: a 400 is the client's."""
    response: FallbackResponse | None = None
    """At the end of the chain. Default: what the last one said."""

    rules: ClassVar = (
        Rule(
            "(has(self.backends) && self.backends.size() > 0) || has(self.response)",
            "a fallback needs backends or a response, for example fallback: {backends: [{name: large}]}; leave it out for none",
            lambda f: bool(f.backends) or f.response is not None,
        ),
        Rule(
            "!has(self.alsoOn) || self.alsoOn.size() == 0 || (has(self.backends) && self.backends.size() > 0)",
            "alsoOn is what goes on to the next backend, and there is none; write backends, or leave alsoOn out",
            lambda f: not f.also_on or bool(f.backends),
            ".alsoOn",
        ),
    )
