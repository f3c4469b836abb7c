"""How many routers there are, when an autoscaling/v2 HorizontalPodAutoscaler decides it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from tidegate.api.autoscaling import Behavior, Direction, Number, ScalingPolicy
from tidegate.api.base import FreeForm, Part, Rule

ROUTERS: Final = 2
"""How many there are when nobody says."""
MOST: Final = 100

Replicas = Annotated[int, Field(ge=1, le=MOST)]

_KINDS: Final = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


class Metric(Part):
    """autoscaling/v2 MetricSpec: its type, and the block of that name."""

    type: Literal["Resource", "ContainerResource", "Pods", "Object", "External"]
    """Which block is there."""
    resource: FreeForm | None = None
    """autoscaling/v2 ResourceMetricSource: CPU or memory of whole Pods."""
    container_resource: FreeForm | None = None
    """autoscaling/v2 ContainerResourceMetricSource: of the containers `envoy` or `brain`."""
    pods: FreeForm | None = None
    """autoscaling/v2 PodsMetricSource."""
    object: FreeForm | None = None
    """autoscaling/v2 ObjectMetricSource."""
    external: FreeForm | None = None
    """autoscaling/v2 ExternalMetricSource."""

    rules: ClassVar = (
        Rule(
            " && ".join(f"has(self.{block}) == (self.type == '{kind}')" for kind, block in _KINDS.items()),
            "a metric is its type and the block of that name, for example {type: ContainerResource, containerResource: {name: cpu, "
            "container: envoy, target: {type: Utilization, averageUtilization: 80}}}",
            lambda m: m.model_fields_set - {"type"} == {_attribute(m.type)},
        ),
    )


def _attribute(kind: str) -> str:
    return "container_resource" if kind == "ContainerResource" else _KINDS[kind]


class Pace(Direction):
    """One direction, as in autoscaling/v2."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """Of the answers of this window the one counts that changes least. Default: up 0, down 300."""
    policies: Annotated[list[ScalingPolicy], Field(min_length=1, max_length=8)] | None = None
    """Limits. Default: up 4 routers or 100 percent in 15 s, whichever is more; down none."""
    tolerance: Number | None = None
    """By how much a metric must differ from its target. Default: the cluster's own, 0.1."""


class RouterBehavior(Behavior):
    """How fast and how readily routers come and go; what is left out is autoscaling/v2's default."""

    scale_up: Pace = Pace()
    """More routers."""
    scale_down: Pace = Pace()
    """Fewer routers: each that goes finishes its streams first."""

    rules: ClassVar = ()


class RouterAutoscaling(Part):
    """A HorizontalPodAutoscaler, in autoscaling/v2's own words. It writes `router.replicas` through `/scale`, and begins with the routers that
    there are."""

    min_replicas: Replicas = ROUTERS
    """Fewest routers."""
    max_replicas: Replicas
    """Most routers."""
    metrics: Annotated[list[Metric], Field(max_length=16)] = []
    """What is looked at; the largest answer wins. Default: the CPU of the containers `envoy`, 80 % of what they request, which needs
    metrics-server."""
    behavior: RouterBehavior = RouterBehavior()
    """How fast and how readily."""

    rules: ClassVar = (
        Rule(
            f"(has(self.minReplicas) ? self.minReplicas : {ROUTERS}) <= self.maxReplicas",
            f"minReplicas, which is {ROUTERS} when it is left out, must be at most maxReplicas",
            lambda a: a.min_replicas <= a.max_replicas,
            ".minReplicas",
        ),
    )
