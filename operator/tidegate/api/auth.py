"""Who may ask a RoutingPolicy's routers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from pydantic import Field

from tidegate.api import bounds
from tidegate.api.base import KEYED_BY_NAME, SET, ObjectName, Part, Rule, SecretKeyRef
from tidegate.api.values import HOST, PORT
from tidegate.contract.jwks import published


class Anonymous(Part):
    """Everybody who reaches the Service may ask."""

    allow_external: bool = False
    """Everybody may spend what external backends cost, too."""


class KeysRef(Part):
    """A Secret in the same namespace: each entry's name is a client's id, its value that client's key."""

    name: ObjectName
    """Name of the Secret."""


class ApiKeys(Part):
    """Clients show a key: `authorization: Bearer KEY` as OpenAI's libraries do, or `x-api-key: KEY` as Anthropic's. `/healthz` needs none."""

    secret_refs: Annotated[
        list[KeysRef], Field(min_length=1, max_length=bounds.KEY_SECRETS, json_schema_extra=KEYED_BY_NAME)
    ]
    """Where the keys are. A change of a Secret counts within a second, and cuts no stream. A client in two Secrets has two keys, both good.
    A key has 1 to 4096 printable ASCII characters and no spaces; an entry that is none, or has the key of another client, lets nobody in,
    and the condition ResolvedRefs says so."""


_JWKS_URL: Final = rf"^https?://{HOST}(:{PORT})?(/[!->@-~]*)?$"


class Jwks(Part):
    """The keys that tokens are signed with (RFC 7517): exactly one of the two."""

    url: Annotated[str, Field(max_length=512, pattern=_JWKS_URL)] | None = None
    """Where the issuer publishes them: `jwks_uri` of its `/.well-known/openid-configuration`. Routers read it again every minute; while it
    cannot be read, those of before count."""
    ca_secret_ref: SecretKeyRef | None = None
    """Certificates in PEM that it is verified with. Default: those that the operator's image trusts."""
    inline: Annotated[str, Field(min_length=2, max_length=65536)] | None = None
    """The document itself, public keys alone."""

    rules: ClassVar = (
        Rule(
            "has(self.url) != has(self.inline)",
            "jwks needs exactly one of url or inline, for example url: https://login.example.com/.well-known/jwks.json",
            lambda j: (j.url is None) != (j.inline is None),
        ),
        Rule(
            "!has(self.caSecretRef) || (has(self.url) && self.url.startsWith('https://'))",
            "caSecretRef verifies an https:// url; write one, or leave caSecretRef out",
            lambda j: j.ca_secret_ref is None or bool(j.url and j.url.startswith("https://")),
            ".caSecretRef",
        ),
        Rule(
            "",
            "inline is a JSON Web Key Set with a public key in it (RSA, EC or OKP), and no private one: what an issuer publishes",
            lambda j: j.inline is None or published(j.inline),
            ".inline",
        ),
    )


Audience = Annotated[str, Field(min_length=1, max_length=256)]
Claim = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.:/-]+$")]


class Jwt(Part):
    """Clients show a token of an issuer (RFC 7519), signed with RS, PS, ES or EdDSA: `authorization: Bearer TOKEN`, or `x-api-key: TOKEN`. `/healthz`
    needs none."""

    issuer: Annotated[str, Field(min_length=1, max_length=512)]
    """What `iss` must be, to the letter."""
    audiences: Annotated[list[Audience], Field(min_length=1, max_length=16, json_schema_extra=SET)]
    """`aud` must have one of these: a token that was made for another service is none for this one."""
    jwks: Jwks
    """The keys that tokens are signed with."""
    client_claim: Claim = "sub"
    """The claim that is the client's id: a text of 1 to 253 printable ASCII characters without spaces. `a.b` is a claim inside another."""


class Auth(Part):
    """Who may ask: exactly one of the three."""

    api_keys: ApiKeys | None = None
    """Clients that have a key. Needs routers with the native filters; others answer 503."""
    jwt: Jwt | None = None
    """Clients that have a token of an issuer. Needs routers with the native filters; others answer 503."""
    anonymous: Anonymous | None = None
    """Everybody who reaches the Service may ask; a NetworkPolicy or a gateway in front decides who that is."""

    rules: ClassVar = (
        Rule(
            "[has(self.apiKeys), has(self.jwt), has(self.anonymous)].filter(x, x).size() == 1",
            "auth needs exactly one of apiKeys, jwt or anonymous, for example apiKeys: {secretRefs: [{name: chat-keys}]}, or anonymous: {} for "
            "everybody",
            lambda a: sum(kind is not None for kind in (a.api_keys, a.jwt, a.anonymous)) == 1,
        ),
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The Secrets that routers read."""
        authorities = self.jwt.jwks.ca_secret_ref if self.jwt else None
        return (*self.keys, *([authorities.name] if authorities else []))

    @property
    def keys(self) -> tuple[str, ...]:
        """Those with clients' keys."""
        return tuple(ref.name for ref in self.api_keys.secret_refs) if self.api_keys else ()

    @property
    def clients(self) -> bool:
        """Whether clients are told apart, and others are let in by nobody."""
        return self.anonymous is None
