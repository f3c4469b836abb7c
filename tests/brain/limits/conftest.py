"""The store that limits are counted in."""

from tests.brain.store.conftest import valkey

__all__ = ["valkey"]
