"""Durations, quantities and shares: how they are written (strings), and what they mean (numbers)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field, WithJsonSchema

DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
PERCENT = r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)%$"
WHOLE_PERCENT = r"^[1-9][0-9]?%$"
PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
HOST = r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
HTTP_URL = rf'^http://[A-Za-z0-9.-]{{1,253}}(:{PORT})?(/[!-"$->@-~]*)?$'

MEBI = 1024 * 1024

_UNIT_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_UNIT_FACTOR = {"": Decimal(1), "m": Decimal("0.001")}
_UNIT_FACTOR |= {u: Decimal(1000) ** (i + 1) for i, u in enumerate("kMGTPE")}
_UNIT_FACTOR |= {f"{u}i": Decimal(1024) ** (i + 1) for i, u in enumerate("KMGTPE")}


def seconds(duration: str) -> float:
    """Seconds of a duration: `1h30m` is 5400.0."""
    found = re.findall(r"([0-9]+)(ms|h|m|s)", duration)
    return sum(int(number) * _UNIT_MILLISECONDS[unit] for number, unit in found) / 1000


def amount(quantity: str) -> Decimal:
    """The number that a quantity means, in its base unit (bytes, cores): `16Gi` is 17179869184."""
    digits = quantity.rstrip("mkKMGTPEi")
    return Decimal(digits) * _UNIT_FACTOR[quantity[len(digits) :]]


def bytes_quantity(count: Decimal | int) -> str:
    """A byte count as a quantity in whole Mi, rounded up: what a memory request is written as."""
    return f"{-(-int(count) // MEBI)}Mi"


def fraction(percent: str) -> Decimal:
    """The share as a number between 0 and 1: `90%` is 0.9."""
    return Decimal(percent.rstrip("%")) / 100


class Canonical(NamedTuple):
    """Marks a type whose values have several spellings: `of` gives all spellings of one value the same one."""

    of: Callable[[str], str]


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", max_length=64)]
"""Of HTTP, without what proxies drop: `x-user-id`."""
Duration = Annotated[str, Field(pattern=DURATION, max_length=24), Canonical(lambda v: f"{seconds(v):.3f}s")]
"""Gateway API's duration (GEP-2257): whole numbers with h, m, s or ms, as `90s` or `1h30m`."""

Percent = Annotated[str, Field(pattern=PERCENT, max_length=7), Canonical(lambda v: f"{fraction(v):.4f}")]
"""A share between 0% and 100%, with at most two decimals."""

Dollars = Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$", max_length=13)]
"""An amount of US dollars as a decimal string."""

Quantity = Annotated[
    str,
    BeforeValidator(lambda v: str(v) if isinstance(v, int) and not isinstance(v, bool) else v),
    Field(pattern=QUANTITY, max_length=32),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": QUANTITY, "maxLength": 32, "minimum": 0}),
    Canonical(lambda v: f"{amount(v).normalize():f}"),
]
"""A Kubernetes quantity, as `16Gi`, `500m` or `4`."""
