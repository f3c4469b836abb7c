"""The operator's settings: read from the environment once, frozen afterwards. The chart writes every variable.

The variable of a field is TIDEGATE_ and the field's name in capitals, except for what Kubernetes says of the Pod itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from tidegate import __version__
from tidegate.names import ANY_ADDRESS, OPERATOR_HEALTH_PORT
from tidegate.plan.world import Defaults

ENGINE_IMAGE = "vllm/vllm-openai:v0.32.0"
ENVOY_IMAGE = "envoyproxy/envoy:v1.40.0"
STORE_IMAGE = "valkey/valkey:9.1"
OPERATOR_IMAGE = f"ghcr.io/tidegate/tidegate:{__version__}"
PREFIX: Final = "TIDEGATE_"

Image = Annotated[
    str, Field(pattern=r"^\S+$", description="an image, for example registry.example.com/vllm-openai:v0.32.0")
]
Word = Annotated[str, Field(pattern=r"^\S+$", description="one word")]


def _list(text: str) -> str:
    """As it is, if it is JSON for a list of objects."""
    found = json.loads(text)
    if not (isinstance(found, list) and all(isinstance(one, dict) for one in found)):
        raise ValueError("no list of objects")
    return text


class WrongSettings(ValueError):
    """Variables that cannot be read; the message has a line for each of them and says what to write."""


class Settings(BaseSettings):
    """What an operator process is told."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    version: Word = __version__
    """Version of the operator, as Pods and metrics name it."""
    engine_image: Image = ENGINE_IMAGE
    """Image of vLLM for models that name none."""
    envoy_image: Image = ENVOY_IMAGE
    """Image of Envoy in router Pods."""
    router_image: Image = OPERATOR_IMAGE
    """Image of the brain in router Pods: the operator's own."""
    store_image: Image = STORE_IMAGE
    """Image of Valkey for stores that name none."""
    bind_address: Annotated[str, Field(pattern=r"^[0-9a-fA-F:.]+$", description=":: or 0.0.0.0")] = ANY_ADDRESS
    """Where engines and routers listen."""
    assign_user: Annotated[bool, Field(description="true or false")] = True
    """Whether Pods name their user and groups; false where the platform assigns them."""
    namespace: Annotated[Word, Field(validation_alias="POD_NAMESPACE")] = "default"
    """Namespace of the operator itself: where its Lease is."""
    identity: Annotated[Word, Field(validation_alias="POD_NAME")] = "tidegate"
    """Name of this process among its replicas."""
    health_port: Annotated[int, Field(ge=1, le=65535, description="a port from 1 to 65535")] = OPERATOR_HEALTH_PORT
    """Port of /healthz, /readyz and /metrics."""
    address: Annotated[str, Field(validation_alias="POD_IP", description="an address")] = ""
    """Of this Pod: where external metrics are asked for."""
    external_metrics_folder: Annotated[str, Field(description="empty, or a path")] = ""
    """Folder with tls.crt and tls.key; empty: external metrics are not served."""
    workers: Annotated[int, Field(ge=1, le=100, description="a whole number from 1 to 100")] = 8
    """Objects that are worked on at once."""
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="DEBUG, INFO, WARNING or ERROR")
    ] = "INFO"
    """The least that is logged."""
    log_format: Annotated[Literal["text", "json"], Field(description="text or json")] = "text"
    """How the operator logs, and the brains of the routers that it makes."""

    network_policies: Annotated[bool, Field(description="true or false")] = False
    """Whether engines are kept from everybody but routers, the operator and `engine_peers`."""
    engine_peers: Annotated[
        str, AfterValidator(_list), Field(description="a JSON list of networking.k8s.io/v1 NetworkPolicyPeers")
    ] = "[]"
    """Who may reach engines besides."""

    prometheus_url: Annotated[
        str,
        Field(
            pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$", description="empty, or http:// or https:// and an address"
        ),
    ] = ""
    """Prometheus, or what speaks its API, that rollouts are judged by: what comes before `/api/v1`."""
    prometheus_bearer_token_file: Annotated[str, Field(description="a path")] = ""
    """File with a token for it; read for each question, because tokens are replaced."""
    prometheus_ca_file: Annotated[str, Field(description="a path")] = ""
    """File with the certificate authorities that it is trusted by, in PEM."""
    prometheus_timeout: Annotated[float, Field(ge=1, le=120, description="seconds, from 1 to 120")] = 10.0
    """Seconds for one question."""
    prometheus_scrape_interval: Annotated[float, Field(ge=1, le=300, description="seconds, from 1 to 300")] = 15.0
    """Seconds between two scrapes of a router: what PodMonitors of ours ask for, and what others must not be slower than."""

    keda_authentication: Annotated[
        str, Field(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$", description="empty, or a Kubernetes name")
    ] = ""
    """ClusterTriggerAuthentication with which KEDA asks that Prometheus."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `from_environment` says from where."""
        return (init_settings,)

    @property
    def defaults(self) -> Defaults:
        """Images and version that go into what is rendered."""
        return Defaults(
            version=self.version,
            engine_image=self.engine_image,
            envoy_image=self.envoy_image,
            brain_image=self.router_image,
            store_image=self.store_image,
            bind_address=self.bind_address,
            assign_user=self.assign_user,
            log_format=self.log_format,
            operator_namespace=self.namespace,
            engine_peers=tuple(json.loads(self.engine_peers)) if self.network_policies else None,
            keda_authentication=self.keda_authentication,
        )

    @property
    def scrape(self) -> float | None:
        """Seconds between two scrapes of a router; None where no Prometheus is known."""
        return self.prometheus_scrape_interval if self.prometheus_url else None


def from_environment(env: Mapping[str, str]) -> Settings:
    """Reads TIDEGATE_* and the Pod's own name and namespace; raises WrongSettings."""
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in env.items()}
    try:
        return Settings(**source())
    except ValidationError as error:
        raise WrongSettings("\n".join(map(_sentence, error.errors()))) from None


def variables() -> dict[str, str]:
    """The environment variable of each field, with what it may hold."""
    fields = Settings.model_fields.items()
    return {str(field.validation_alias or PREFIX + name.upper()): str(field.description) for name, field in fields}


def _sentence(error: Any) -> str:
    place = str(error["loc"][0])
    variable = place if place in variables() else PREFIX + place.upper()
    return f"{variable}={error['input']!r}: must be {variables()[variable]}"
