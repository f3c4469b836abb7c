"""Each guard: what it tells apart, and what it lets pass."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brain.cache.semantic.support import ALL
from tidegate.brain.cache.semantic.guards import Guard, differ, features

APART: list[tuple[Guard, str, str]] = [
    ("Numbers", "Convert 10 USD to euros", "Convert 100 USD to euros"),
    ("Numbers", "Convert 10 dollars", "Convert 10 pounds"),
    ("Numbers", "a 2-bedroom flat", "a 3-bedroom flat"),
    ("Numbers", "a two bedroom flat", "a three bedroom flat"),
    ("Numbers", "take 2 tablets every 4 hours", "take 4 tablets every 2 hours"),
    ("Numbers", "5 GB of data", "5 MB of data"),
    ("Numbers", "raise it from 3 to 5", "raise it from 5 to 3"),
    ("Numbers", "the iPhone15 battery", "the iPhone16 battery"),
    ("Numbers", "a house of £250,000", "a house of £250,000.50"),
    ("Dates", "what happened in 2022", "what happened in 2023"),
    ("Dates", "do you open at 2pm", "do you open at 2am"),
    ("Dates", "the train at 9:15", "the train at 9:45"),
    ("Dates", "open on weekdays", "open on weekends"),
    ("Dates", "the fee per week", "the fee per month"),
    ("Dates", "what will happen in May", "what will happen in March"),
    ("Dates", "due on 2026-11-26", "due on 2026-11-27"),
    ("Negation", "Cancel my subscription", "Don't cancel my subscription"),
    ("Negation", "Cancel my subscription", "Dont cancel my subscription"),
    ("Negation", "what should I eat", "what should I avoid"),
    ("Negation", "is it safe", "is it unsafe"),
    ("Negation", "is it refundable", "is it non-refundable"),
    ("Negation", "how do I turn on alerts on my phone", "how do I turn off alerts on my phone"),
    ("Negation", "is the fee included", "is the fee excluded"),
    ("Negation", "are dogs allowed", "are dogs banned"),
    ("Entities", "trains to Bristol", "trains to Brighton"),
    ("Entities", "convert celsius to fahrenheit", "convert fahrenheit to celsius"),
    ("Entities", "does the dog bite the man", "does the man bite the dog"),
    ("Entities", "is python better than java", "is java better than python"),
    ("Entities", "move from MySQL to Postgres", "move from Postgres to MySQL"),
    ("Entities", "Paris in the rain", "London in the rain"),
    ("Entities", "what does GPT-4 cost", "what does it cost"),
]
ALIKE = [
    ("How do I set up voicemail on my phone?", "On my phone, how do I set up voicemail?"),
    ("What is the speed limit in the UK?", "what is the speed limit in the uk"),
    ("Is it 1kg?", "Is it 1 kg?"),
    ("Do you open at 2 p.m.?", "Do you open at 2pm?"),
    ("Do you open at 2:00pm?", "Do you open at 14:00?"),
    ("How do I log in? I can't.", "how do i log in, i cannot"),
    ("Is it open on Sundays?", "is it open on a Sunday"),
    ("Who won in 2014?", "In 2014, who won?"),
    ("a house of £250,000", "a house of £250000.00"),
    ("I can\u2019t pay", "I can't pay"),
    ("How can I cancel?", "How do I cancel?"),
]


@pytest.mark.parametrize(("guard", "one", "other"), APART)
def test_what_a_guard_tells_apart(guard: Guard, one: str, other: str) -> None:
    assert differ(features(one), features(other), (guard,)) == guard
    assert differ(features(other), features(one), (guard,)) == guard
    assert differ(features(one), features(other), ()) is None


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_all_let_pass(one: str, other: str) -> None:
    assert differ(features(one), features(other), ALL) is None


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_read_and_is_like_itself(one: str, other: str) -> None:
    assert differ(features(one), features(one), ALL) is None
    assert (differ(features(one), features(other), ALL) is None) == (
        differ(features(other), features(one), ALL) is None
    )


@pytest.mark.parametrize(
    "text", ["1" * 5000, "1," * 2500, "a-" * 2500, "a1-" * 1600, "1:" * 2500, "A " * 2500, "un" * 2500, "." * 5000]
)
def test_no_text_takes_long(text: str) -> None:
    begin = time.process_time()
    differ(features(text), features(text + " not"), ALL)
    assert time.process_time() - begin < 0.5
