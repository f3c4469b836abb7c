"""Many rollouts side by side: arrays whose first axis is the rollout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Batch:
    """What is known of each rollout, in arrays that are its attributes; attributes of other kinds are the same for all."""

    def keep(self, those: Flags) -> None:
        """Drops the other rollouts."""
        for name, array in self._arrays():
            setattr(self, name, array[those])

    def _arrays(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        return ((name, value) for name, value in list(vars(self).items()) if isinstance(value, np.ndarray))
