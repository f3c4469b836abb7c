"""The store that a tier has."""

from tests.brain.store.conftest import either, valkey
from tests.support.patience import hasty, patient_waits

__all__ = ["either", "hasty", "patient_waits", "valkey"]
