"""Faults on request: set by the environment before the start, or by `POST /sim/faults` while running."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any


class BadFault(ValueError):
    """A fault that does not exist, or a value of the wrong type."""


@dataclass(frozen=True)
class Faults:
    """What is wrong with the engine. The default is nothing."""

    error_rate: float = 0.0
    """Share of inference requests that are answered with `error_status`, 0 to 1."""
    error_status: int = 500
    slow_factor: float = 1.0
    """Multiplies the time of every forward pass."""
    hang: bool = False
    """The engine stops: requests are accepted and never answered, `/health` stays 200."""
    without_metric: str = ""
    """Name of a metric that `/metrics` does not show, as an engine of another version."""
    crash: bool = False
    """The process exits with status 1 at once."""
    load_failure: bool = False
    """The process runs out of GPU memory while it loads the model, and exits with status 1. Environment only."""

    def changed(self, changes: Mapping[str, Any]) -> "Faults":
        """These faults with some fields replaced. BadFault where a field is unknown or its value has the wrong type."""
        types = _types()
        converted = {}
        for name, value in changes.items():
            if name not in types:
                raise BadFault(f"unknown fault {name!r}; known are {', '.join(types)}")
            converted[name] = _convert(name, value, types[name])
        return replace(self, **converted)


def _types() -> dict[str, type]:
    return {name: type(value) for name, value in asdict(Faults()).items()}


def _convert(name: str, value: Any, wanted: type) -> Any:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted:
        raise BadFault(f"{name} must be {wanted.__name__}")
    return value


def faults_of(environment: Mapping[str, str]) -> Faults:
    """The faults in `ENGINE_SIM_ERROR_RATE`, `ENGINE_SIM_HANG`, ... Booleans are true unless empty, 0 or false."""
    given: dict[str, Any] = {}
    for name, kind in _types().items():
        text = environment.get(f"ENGINE_SIM_{name.upper()}")
        if text is not None:
            given[name] = text.lower() not in ("", "0", "false") if kind is bool else kind(text)
    return Faults().changed(given)


class FaultyDraw:
    """Decides, reproducibly for a seed, which requests fail."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def fails(self, faults: Faults) -> bool:
        """Whether the next inference request fails."""
        return faults.error_rate > 0 and self._random.random() < faults.error_rate
