"""What users write: the three kinds as pydantic models, with the CEL rules beside the fields that they bind."""

from tidegate.api.cachetier import CacheTier
from tidegate.api.modeldeployment import ModelDeployment
from tidegate.api.routingpolicy import RoutingPolicy

KINDS: dict[str, type[ModelDeployment | RoutingPolicy | CacheTier]] = {
    "ModelDeployment": ModelDeployment,
    "RoutingPolicy": RoutingPolicy,
    "CacheTier": CacheTier,
}

__all__ = ["KINDS", "CacheTier", "ModelDeployment", "RoutingPolicy"]
