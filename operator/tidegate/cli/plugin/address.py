"""How a model was addressed on the command line, so that the next command can be told word by word."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

KINDS = ("mdep", "modeldeployment", "modeldeployments", "modeldeployment.tidegate.dev", "modeldeployments.tidegate.dev")


@dataclass(frozen=True)
class Address:
    """A ModelDeployment, and kubectl's flags that led to it."""

    name: str
    namespace: str
    flags: tuple[str, ...] = ()
    """As they were typed: `-n`, `shop`."""

    @property
    def shown(self) -> str:
        """As kubectl takes it."""
        return f"mdep/{self.name}"

    def command(self, verb: str, *more: str) -> str:
        """`kubectl tidegate rollout VERB NAME` for this very model."""
        return shlex.join(["kubectl", "tidegate", "rollout", verb, self.name, *more, *self.flags])


def bare_name(said: str) -> str:
    """`qwen` of `qwen` and of `mdep/qwen`. Raises ValueError for another kind."""
    kind, _, name = said.rpartition("/")
    if kind and kind.lower() not in KINDS:
        raise ValueError(f"{said}: only ModelDeployments have rollouts and scale, for example mdep/{name}")
    return name
