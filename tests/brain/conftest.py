"""The brain's tests run the same Envoy as those of its configuration."""

from tests.envoy.conftest import engines, envoy

__all__ = ["engines", "envoy"]
