"""`--kv-transfer-config` as far as it is simulated: OffloadingConnector with host memory, and folders below it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIERING = "TieringOffloadingSpec"
TIERS = ("example", "fs", "p2p", "obj", "kvcr")


class BadConnector(Exception):
    """A connector that parses, but that no engine can start with; vLLM exits with status 1."""


@dataclass(frozen=True)
class Connector:
    """Where blocks go that leave the device."""

    gib: float = 0.0
    """Host memory."""
    tiers: tuple[str, ...] = ()
    """Folders below it."""


def connector_of(config: Mapping[str, Any] | None) -> Connector:
    """What the flag says; nothing of connectors that are not simulated. BadConnector where vLLM would give up while loading."""
    if not config or "kv_connector" not in config:
        return Connector()
    if "kv_role" not in config:
        raise BadConnector("Please specify kv_role when kv_connector is set")
    if config["kv_connector"] != "OffloadingConnector":
        return Connector()
    extra = config.get("kv_connector_extra_config", {})
    if not extra.get("cpu_bytes_to_use"):
        raise BadConnector("cpu_bytes_to_use must be specified in kv_connector_extra_config")
    tiers = extra.get("secondary_tiers", []) if extra.get("spec_name") == TIERING else []
    return Connector(extra["cpu_bytes_to_use"] / 2**30, tuple(map(_folder, tiers)))


def _folder(tier: Mapping[str, Any]) -> str:
    if tier.get("type") not in TIERS:
        raise BadConnector(f"Unknown secondary tier type: {tier.get('type')!r}. Supported types: {list(TIERS)}.")
    if tier["type"] != "fs" or not tier.get("root_dir"):
        raise BadConnector("only tiers of type fs, with root_dir, are simulated")
    return str(tier["root_dir"])
