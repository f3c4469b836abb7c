"""The store that limits are counted in."""

from tests.brain.store.conftest import valkey
from tests.support.patience import hasty, patient_waits

__all__ = ["hasty", "patient_waits", "valkey"]
