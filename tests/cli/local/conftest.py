"""Engines of a few lines."""

from tests.envoy.conftest import engines

__all__ = ["engines"]
