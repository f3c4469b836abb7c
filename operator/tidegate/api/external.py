"""Providers outside the cluster, as backends of a RoutingPolicy."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field

from tidegate.api.base import Part, Rule, Ruled, SecretKeyRef, cel_string
from tidegate.api.values import HOST, PORT

BASE_URL: Final = rf"^https?://{HOST}(:{PORT})?(/[-A-Za-z0-9._~/]*)?$"
_PROXY_URL: Final = rf"^http://{HOST}(:{PORT})?/?$"
_MODEL: Final = r"^[!-~]+$"

BaseURL = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Ruled(
        Rule(
            f"self.matches({cel_string(BASE_URL)})",
            "a baseURL is what a provider's libraries take, such as https://api.openai.com/v1 or https://api.anthropic.com: scheme, host in small letters and path, "
            "without user, query or fragment",
            lambda url: re.fullmatch(BASE_URL, url) is not None,
        )
    ),
]


ProxyURL = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Ruled(
        Rule(
            f"self.matches({cel_string(_PROXY_URL)})",
            "a proxy's url is scheme, host and port, such as http://proxy.example.com:3128: HTTP, and user and password in credentialsSecretRef",
            lambda url: re.fullmatch(_PROXY_URL, url) is not None,
        )
    ),
]


class Proxy(Part):
    """An HTTP proxy that opens tunnels (CONNECT)."""

    url: ProxyURL
    """`http://HOST:PORT`. The proxy looks the provider's name up."""
    credentials_secret_ref: SecretKeyRef | None = None
    """An entry that is `USER:PASSWORD`, shown to the proxy as `proxy-authorization: Basic`, in the clear as HTTP is. Default: nothing is shown."""

    @property
    def host(self) -> str:
        """Its name, or an address without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 80


class External(Part):
    """A provider that speaks OpenAI's API or Anthropic's."""

    protocol: Literal["OpenAI", "Anthropic"]
    """What it speaks. Nothing is translated: one that speaks Anthropic's is asked at `/v1/messages` and below alone, and passed over by all
    other requests."""
    base_url: Annotated[BaseURL, Field(alias="baseURL")]
    """What its documentation gives to the libraries of OpenAI, `https://api.openai.com/v1`, or of Anthropic, `https://api.anthropic.com`. What
    follows `/v1` in a request's path follows this, with Anthropic's `/v1` between. Its certificate is verified for the host's name. Its
    addresses are looked up again as its DNS says."""
    model: Annotated[str, Field(min_length=1, max_length=256, pattern=_MODEL)]
    """What it calls the model: replaces the public name in requests."""
    api_key_secret_ref: SecretKeyRef | None = None
    """Its key, shown as `authorization: Bearer`, to one of Anthropic's as `x-api-key`. Routers read it; another one counts within a second, and cuts no stream. Default: none
    is shown."""
    ca_secret_ref: SecretKeyRef | None = None
    """Certificates in PEM that it is verified with. Default: those that the operator's image trusts."""

    proxy: Proxy | None = None
    """An egress proxy, through which it is reached in a tunnel; TLS ends at the provider. Default: routers connect to it themselves. Needs
    routers of this version; a policy that names one goes on as it was until it has them."""

    rules: ClassVar = (
        Rule(
            "self.baseURL.startsWith('https://') || !has(self.proxy)",
            "a proxy would read what goes through it without TLS; write an https:// baseURL, or leave proxy out",
            lambda e: e.tls or e.proxy is None,
            ".baseURL",
        ),
        Rule(
            "self.baseURL.startsWith('https://') || !has(self.apiKeySecretRef)",
            "a key is shown over TLS alone; write an https:// baseURL, or leave apiKeySecretRef out",
            lambda e: e.tls or e.api_key_secret_ref is None,
            ".baseURL",
        ),
        Rule(
            "self.baseURL.startsWith('https://') || !has(self.caSecretRef)",
            "there is no certificate to verify without TLS; write an https:// baseURL, or leave caSecretRef out",
            lambda e: e.tls or e.ca_secret_ref is None,
            ".baseURL",
        ),
        Rule(
            "self.protocol != 'Anthropic' || !self.baseURL.matches('/v1/?$')",
            "Anthropic's libraries add /v1 themselves; write the baseURL without it, such as https://api.anthropic.com",
            lambda e: e.protocol != "Anthropic" or not e.base_url.rstrip("/").endswith("/v1"),
            ".baseURL",
        ),
    )

    @property
    def tls(self) -> bool:
        """Whether it is asked over TLS."""
        return self.base_url.startswith("https://")

    @property
    def host(self) -> str:
        """Its name, or an address without brackets."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.base_url).port or (443 if self.tls else 80)

    @property
    def path(self) -> str:
        """What stands in its URLs where ours have `/v1`; without a slash at the end."""
        path = urlsplit(self.base_url).path.rstrip("/")
        return f"{path}/v1" if self.protocol == "Anthropic" else path

    @property
    def secrets(self) -> tuple[str, ...]:
        """The Secrets that routers read for it."""
        through = self.proxy.credentials_secret_ref if self.proxy else None
        return tuple(ref.name for ref in (self.api_key_secret_ref, self.ca_secret_ref, through) if ref)
