"""Durations, quantities and shares mean what Kubernetes and the Gateway API mean by them."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tidegate.api.values import (
    DURATION,
    PERCENT,
    QUANTITY,
    Quantity,
    amount,
    bytes_quantity,
    fraction,
    seconds,
)

UNITS = ("", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@pytest.mark.parametrize(
    ("text", "value"),
    [("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("1m1ms", 60.001), ("0s", 0), ("24h", 86400), ("1s1s", 2)],
)
def test_seconds(text: str, value: float) -> None:
    assert re.fullmatch(DURATION, text)
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "1", "1d", "1.5s", "-1s", "s", "1 s", "123456s", "1h1h1h1h1h", "1S", "1s\n"])
def test_not_a_duration(text: str) -> None:
    assert not re.fullmatch(DURATION, text)


@given(st.lists(st.tuples(st.integers(0, 99999), st.sampled_from(["h", "m", "s", "ms"])), min_size=1, max_size=4))
def test_durations_add_up(pieces: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in pieces)
    factor = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    assert re.fullmatch(DURATION, text)
    assert seconds(text) == pytest.approx(sum(number * factor[unit] for number, unit in pieces))


@pytest.mark.parametrize(
    ("text", "value"),
    [("16Gi", 17179869184), ("500m", "0.5"), ("4", 4), ("0.5Ti", 2**39), ("1k", 1000), ("1E", 10**18), ("1.50G", 15e8)],
)
def test_amount(text: str, value: float | str) -> None:
    assert amount(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "-1", "+1", "1e3", ".5", "1.", "1K", "1gi", "1Gi\n", "0x1"])
def test_not_a_quantity(text: str) -> None:
    assert not re.fullmatch(QUANTITY, text)


@given(st.decimals(0, 10**6, places=3), st.sampled_from(UNITS))
def test_a_unit_is_a_factor(number: Decimal, unit: str) -> None:
    assert amount(f"{number}{unit}") == number * amount(f"1{unit}")


@given(st.integers(0, 2**50))
def test_bytes_are_rounded_up_to_whole_mebibytes(count: int) -> None:
    assert 0 <= amount(bytes_quantity(Decimal(count))) - count < 2**20


@pytest.mark.parametrize(("text", "value"), [("90%", "0.9"), ("0.01%", "0.0001"), ("100.00%", 1), ("0%", 0)])
def test_fraction(text: str, value: float | str) -> None:
    assert re.fullmatch(PERCENT, text)
    assert fraction(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "%", "101%", "100.01%", "1.234%", "-1%", "0.9", "90 %", "90%%"])
def test_not_a_percentage(text: str) -> None:
    assert not re.fullmatch(PERCENT, text)


@given(st.integers(0, 10000))
def test_percentages_round_trip(hundredths: int) -> None:
    text = f"{hundredths / 100:.2f}%"
    assert re.fullmatch(PERCENT, text)
    assert fraction(text) * 10000 == hundredths


@given(st.integers(0, 10**15))
def test_whole_numbers_are_quantities(number: int) -> None:
    assert TypeAdapter(Quantity).validate_python(number) == str(number)


@pytest.mark.parametrize("value", [True, 0.5, -1, None, [1], "1e6"])
def test_what_is_no_quantity(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Quantity).validate_python(value)
