"""Who may ask a RoutingPolicy's routers."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api import bounds
from tidegate.api.base import KEYED_BY_NAME, Part, Rule

SecretName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class Anonymous(Part):
    """Everybody who reaches the Service may ask."""

    allow_external: bool = False
    """Everybody may spend what external backends cost, too."""


class KeysRef(Part):
    """A Secret in the same namespace: each entry's name is a client's id, its value that client's key."""

    name: SecretName
    """Name of the Secret."""


class ApiKeys(Part):
    """Clients show a key: `authorization: Bearer KEY` as OpenAI's libraries do, or `x-api-key: KEY` as Anthropic's. `/healthz` needs none."""

    secret_refs: Annotated[
        list[KeysRef], Field(min_length=1, max_length=bounds.KEY_SECRETS, json_schema_extra=KEYED_BY_NAME)
    ]
    """Where the keys are. A change of a Secret counts within a second, and cuts no stream. A client in two Secrets has two keys, both good.
    A key has 1 to 4096 printable ASCII characters and no spaces; an entry that is none, or has the key of another client, lets nobody in,
    and the condition ResolvedRefs says so."""


class Auth(Part):
    """Who may ask: exactly one of the two."""

    api_keys: ApiKeys | None = None
    """Clients that have a key. Needs routers with the native filters; others answer 503."""
    anonymous: Anonymous | None = None
    """Everybody who reaches the Service may ask; a NetworkPolicy or a gateway in front decides who that is."""

    rules: ClassVar = (
        Rule(
            "has(self.apiKeys) != has(self.anonymous)",
            "auth needs exactly one of apiKeys or anonymous, for example apiKeys: {secretRefs: [{name: chat-keys}]}, or anonymous: {} for everybody",
            lambda a: (a.api_keys is None) != (a.anonymous is None),
        ),
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The Secrets that routers read."""
        return tuple(ref.name for ref in self.api_keys.secret_refs) if self.api_keys else ()
