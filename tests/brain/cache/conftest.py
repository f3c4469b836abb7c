"""A store for keepers."""

from tests.brain.store.conftest import valkey

__all__ = ["valkey"]
