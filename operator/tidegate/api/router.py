"""The Pods of a RoutingPolicy's routers, and how clients reach them."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api.base import KEYED_BY_NAME, SET, LocalRef, ObjectName, Part, Rule, Ruled, cel_string
from tidegate.api.engine import PodMetadata, Resources, Scheduling
from tidegate.api.routerscaling import ROUTERS, Replicas, RouterAutoscaling


class RouterService(Part):
    """The Service in front of the router Pods."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """core/v1 Service type."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port of the Service. Default: 80, or 443 with `tls`."""
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=64)] = {}
    """Annotations of the Service, for the cloud's load balancer."""


class Brain(Part):
    """The process beside Envoy that keeps its configuration current."""

    resources: Resources = Resources()
    """CPU and memory of the brain's container. Default: requests of 100m and 128Mi, or of the limits where those are lower."""


ORIGIN = r"^(\*|[a-z][a-z0-9+.-]*://((\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)$"
_OWN_PORT = r"^(http://.*:80|https://.*:443)$"

Origin = Annotated[
    str,
    Field(min_length=1, max_length=300),
    Ruled(
        Rule(
            f"self.matches({cel_string(ORIGIN)})",
            "an origin is scheme, host and port as a browser says them, such as https://chat.example.com, http://localhost:3000 or "
            "https://*.example.com, in small letters and without a path or a slash at the end; * is every page",
            lambda origin: re.fullmatch(ORIGIN, origin) is not None,
        ),
        Rule(
            f"!self.matches({cel_string(_OWN_PORT)})",
            "browsers leave out a scheme's own port; write https://chat.example.com without :443, http without :80",
            lambda origin: re.fullmatch(_OWN_PORT, origin) is None,
        ),
    ),
]


class Cors(Part):
    """Web pages that may ask from within a browser, with the libraries of OpenAI and Anthropic for example. Preflights are answered,
    and what is answered, errors too, may be read; every request header is allowed and every answer's header shown. Cookies are
    not: whoever asks shows a key."""

    allow_origins: Annotated[list[Origin], Field(min_length=1, max_length=64, json_schema_extra=SET)]
    """`https://chat.example.com`, `http://localhost:3000`, `https://*.example.com` for every name below it, or `*` for every page."""


class CertificateRef(Part):
    """A Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret."""


class Tls(Part):
    """The certificate that the routers show."""

    secret_ref: CertificateRef
    """A Secret of type kubernetes.io/tls in the same namespace, as cert-manager makes them: the certificate with its intermediates in
    `tls.crt`, its key in `tls.key`, in PEM. Another certificate in it counts as soon as kubelet has passed it on, within two minutes, and
    cuts no stream; one that cannot be used leaves the last good one in force, and the condition ResolvedRefs says so."""


class ClientAddress(Part):
    """Which address is a client's."""

    trusted_hops: Annotated[int, Field(ge=0, le=10)] = 0
    """Proxies in front of the routers that add to `x-forwarded-for`: the address is the one that the outermost of them saw. 0: that of the
    connection, whatever the header says, because anybody may write it."""


def unless_changed(_: Any) -> bool:
    """The twin of a rule about a change: there is nothing to compare with in one manifest."""
    return True


SIDECAR: Final = "Sidecar"
_SIDECAR_CEL: Final = "has(self.placement) && self.placement == 'Sidecar'"
_PLACED_CEL: Final = "(has({0}.placement) ? {0}.placement : 'Standalone')"


class Router(Part):
    """The Pods that carry the traffic: Envoy with a brain beside it."""

    placement: Literal["Standalone", "Sidecar"] = "Standalone"
    """Standalone: a Deployment of their own. Sidecar: in each Pod of the model that names this policy in `engine.sidecarRouter`, before that
    one engine. It cannot be changed later."""
    replicas: Replicas = ROUTERS
    """Router Pods; what `/scale` writes. With `autoscaling` leave it out: its HorizontalPodAutoscaler writes it."""
    autoscaling: RouterAutoscaling | None = None
    """A HorizontalPodAutoscaler that decides how many router Pods there are. Default: as many as `replicas` says."""
    service: RouterService = RouterService()
    """The Service in front of them."""
    resources: Resources = Resources()
    """CPU and memory of the Envoy container. Default: requests of 250m and 256Mi, or of the limits where those are lower."""
    brain: Brain = Brain()
    """The process beside Envoy."""
    image_pull_secrets: Annotated[list[LocalRef], Field(max_length=16, json_schema_extra=KEYED_BY_NAME)] = []
    """Secrets for pulling the images of Envoy and of the brain."""
    scheduling: Scheduling = Scheduling()
    """Where Pods may run. Default: spread over nodes as far as possible."""
    pod_metadata: PodMetadata = PodMetadata()
    """Labels and annotations to add to the Pods."""
    tls: Tls | None = None
    """Clients speak TLS, over HTTP/1.1 or HTTP/2. Default: plain HTTP. To begin or to end it replaces the Pods."""
    client_address: ClientAddress = ClientAddress()
    """Which address is a client's, for logs, and for clients that stay with one revision by their address. To change it replaces the Pods."""

    cors: Cors | None = None
    """Web pages that may ask from within a browser. Default: none, unlike vLLM's own, which is all: where everybody who reaches the
    Service may ask, every page that a person there opens could ask for whoever made the page."""

    beside_pods: ClassVar = frozenset({"placement", "replicas", "autoscaling", "service", "cors"})
    rules: ClassVar = (
        Rule(
            f"{_PLACED_CEL.format('self')} == {_PLACED_CEL.format('oldSelf')}",
            "placement cannot be changed, because nobody would answer meanwhile; make another policy, and move clients over to its Service",
            unless_changed,
            ".placement",
        ),
        Rule(
            f"!({_SIDECAR_CEL}) || (self.replicas == {ROUTERS} && !has(self.autoscaling))",
            "with placement Sidecar there are as many routers as the model has engines; leave replicas and autoscaling out, and scale the model",
            lambda r: not r.sidecar or (r.replicas == ROUTERS and r.autoscaling is None),
            ".replicas",
        ),
        Rule(
            f"!({_SIDECAR_CEL}) || (!has(self.scheduling) && !has(self.podMetadata))",
            "with placement Sidecar the Pods are the engines'; write engine.scheduling and engine.podMetadata of the ModelDeployment",
            lambda r: not r.sidecar or not r.model_fields_set & {"scheduling", "pod_metadata"},
            ".placement",
        ),
    )

    @property
    def sidecar(self) -> bool:
        """Whether it is in the Pods of engines."""
        return self.placement == SIDECAR

    @property
    def port(self) -> int:
        """Of the Service."""
        return self.service.port or (443 if self.tls else 80)
