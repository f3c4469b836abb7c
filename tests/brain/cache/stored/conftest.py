"""The store that a tier has."""

from tests.brain.store.conftest import either, valkey

__all__ = ["either", "valkey"]
