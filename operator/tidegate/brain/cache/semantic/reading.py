"""What guards look at in a text, read once and kept beside its vector. English is what it was made for and measured on."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from sys import intern
from typing import Final, NamedTuple


def _words(name: str) -> frozenset[str]:
    """Of a file beside this one, but for its first line."""
    return frozenset(files(__package__).joinpath("words", name).read_text("utf-8").partition("\n")[2].split())


UNITS: Final = {
    form: name
    for name, forms in {
        "second": "second seconds sec secs s", "minute": "minute minutes min mins", "hour": "hour hours hr hrs h", "day": "day days d",
        "week": "week weeks wk", "month": "month months", "year": "year years yr yrs yo", "mg": "mg milligram milligrams",
        "g": "g gram grams gramme grammes", "kg": "kg kilo kilos kilogram kilograms", "lb": "lb lbs pound", "oz": "oz ounce ounces",
        "ml": "ml millilitre millilitres milliliter milliliters", "l": "l litre litres liter liters", "mm": "mm", "cm": "cm",
        "m": "m metre metres meter meters", "km": "km kilometre kilometres kilometer kilometers", "mile": "mile miles mi",
        "inch": "inch inches", "foot": "foot feet ft", "kb": "kb", "mb": "mb", "gb": "gb", "tb": "tb", "%": "% percent pct",
        "£": "gbp pounds quid", "$": "usd dollar dollars", "€": "eur euro euros", "¥": "jpy yen", "c": "c celsius", "f": "f fahrenheit",
        "w": "w watt watts", "kw": "kw", "kwh": "kwh", "v": "v volt volts", "thousand": "k thousand", "million": "million mn",
        "billion": "billion bn",
    }.items()
    for form in forms.split()
}  # fmt: skip
NUMERALS: Final = {
    word: str(number).rstrip(".")
    for number, words in {
        0: "zero nil", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten", 11: "eleven",
        12: "twelve dozen", 13: "thirteen", 14: "fourteen", 15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen",
        20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety", 100: "hundred",
        1000: "thousand", 10**6: "million", 10**9: "billion", 0.5: "half", "2x": "double twice", "3x": "triple", "3.": "third", "4.": "fourth",
        "5.": "fifth", "6.": "sixth", "7.": "seventh", "8.": "eighth", "9.": "ninth", "10.": "tenth",
    }.items()
    for word in words.split()
}  # fmt: skip
DATES: Final = {
    form: name
    for name, forms in {
        "second": "seconds", "minute": "minute minutes", "hour": "hour hours hourly", "day": "day days daily", "week": "week weeks weekly",
        "fortnight": "fortnight fortnightly", "month": "month months monthly", "quarter": "quarterly", "decade": "decade decades",
        "year": "year years yearly annual annually", "century": "century centuries", "weekday": "weekday weekdays",
        "weekend": "weekend weekends", "today": "today", "tonight": "tonight", "tomorrow": "tomorrow", "yesterday": "yesterday",
        "morning": "mornings", "afternoon": "afternoon afternoons", "evening": "evening evenings", "night": "night nights overnight",
        "noon": "noon midday", "midnight": "midnight", "spring": "spring", "summer": "summer", "autumn": "autumn", "winter": "winter",
        "christmas": "christmas", "easter": "easter", "last": "last past", "next": "next", "previous": "previous", "monday": "monday mondays mon",
        "tuesday": "tuesday tuesdays tue tues", "wednesday": "wednesday wednesdays", "thursday": "thursday thursdays thu thurs",
        "friday": "friday fridays fri", "saturday": "saturday saturdays", "sunday": "sunday sundays", "january": "january jan",
        "february": "february feb", "april": "april apr", "june": "june jun", "july": "july jul", "august": "august aug",
        "september": "september sep sept", "october": "october oct", "november": "november nov", "december": "december dec",
    }.items()
    for form in forms.split()
}  # fmt: skip
CAPITAL_DATES: Final = {
    "March": "march",
    "May": "may",
    "Mar": "march",
    "Sat": "saturday",
    "Sun": "sunday",
    "Wed": "wednesday",
}
"""Which in small letters are other words."""
NEGATIONS: Final = _words("negations.txt")
BEGINNINGS: Final = _words("beginnings.txt")

CURRENCIES: Final = frozenset("£$€¥")

_TOKEN: Final = re.compile(
    r"(?P<clock>\d{1,2}:\d{2}(?!\d)(?:\s?[ap]\.?m\b\.?)?|\d{1,2}\s?[ap]\.?m\b\.?)"
    r"|(?P<date>\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4})"
    r"|(?P<code>[^\W\d_]+(?:-?\d+)\w*)"
    r"|(?P<number>\d[\d,]*(?:\.\d+)?)"
    r"|(?P<word>[^\W\d_]+(?:['-][^\W\d_]+)*)"
    r"|(?P<end>[.!?\n:]+(?:\s|$))",
    re.IGNORECASE,
)
_UNIT: Final = re.compile(r"[\s-]?([^\W\d_]+|%)")
_ORDINAL: Final = frozenset({"st", "nd", "rd", "th"})
_ENDINGS: Final = ("ing", "ed", "es", "s", "e")


class Features(NamedTuple):
    """Of one text. What counts once and in its order is a tuple."""

    numbers: tuple[str, ...]
    """With their units, `4hour`."""
    dates: tuple[str, ...]
    """Sorted: clock times, dates, years, and words such as `tomorrow`."""
    negations: int
    words: tuple[str, ...]
    """Stems of all."""
    names: tuple[str, ...]
    """Stems of those that are written like names."""


class _Reading:
    """A text on its way to features."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\u2019", "'")
        self.numbers: list[str] = []
        self.dates: set[str] = set()
        self.negations = 0
        self.words: list[str] = []
        self.names: list[str] = []
        self._begins = True
        """Whether the next word is a sentence's first."""

    def read(self) -> Features:
        for found in _TOKEN.finditer(self._text):
            getattr(self, f"_{found.lastgroup}")(found)
        words = tuple([intern(each) for each in self.words])
        return Features(
            tuple(self.numbers), tuple(sorted(self.dates)), self.negations, words, tuple(map(intern, self.names))
        )

    def _end(self, _: re.Match[str]) -> None:
        self._begins = True

    def _clock(self, found: re.Match[str]) -> None:
        said = _of_the_day(found[0])
        self.dates.add(said)
        self.numbers.append(said)
        self._begins = False

    def _date(self, found: re.Match[str]) -> None:
        self.dates.add(found[0])
        self.numbers.append(found[0])
        self._begins = False

    def _code(self, found: re.Match[str]) -> None:
        """`A350`, `v2`, `GPT-4`"""
        said = found[0].lower().replace("-", "")
        self.numbers.append(said)
        self.words.append(said)
        self.names.append(said)
        self._begins = False

    def _number(self, found: re.Match[str]) -> None:
        digits = found[0].replace(",", "")
        value = digits.rstrip("0").rstrip(".") if "." in digits else digits
        before = self._text[found.start() - 1 : found.start()]
        after = _UNIT.match(self._text, found.end())
        word = after[1].lower() if after else ""
        unit = before if before in CURRENCIES else UNITS.get(word, "")
        self.numbers.append(value + unit)
        if word in _ORDINAL or (not unit and len(value) == 4 and value[:2] in {"19", "20"}):
            self.dates.add(value)
        self._begins = False

    def _word(self, found: re.Match[str]) -> None:
        said = found[0]
        lower = said.lower()
        if said in CAPITAL_DATES and not self._begins:
            self.dates.add(CAPITAL_DATES[said])
        elif lower in DATES:
            self.dates.add(DATES[lower])
        elif _is_name(said, lower, self._begins):
            self.names.append(stem(lower))
        if lower in NUMERALS:
            self.numbers.append(NUMERALS[lower])
        self.negations += lower in NEGATIONS or lower.endswith("n't") or lower.startswith("non-")
        self.words.append(stem(lower))
        self._begins = False


def features(text: str) -> Features:
    """Of a text."""
    return _Reading(text).read()


def _is_name(said: str, lower: str, begins: bool) -> bool:
    if said == lower or said in {"I", "OK"} or lower.startswith("i'"):
        return False
    return not (begins and lower in BEGINNINGS)


def _of_the_day(said: str) -> str:
    """`2pm`, `2:00 p.m.` and `14:00` are one."""
    digits = re.findall(r"\d+", said)
    hour, minute = int(digits[0]), int(digits[1]) if len(digits) > 1 else 0
    half = next((letter for letter in said.lower() if letter in "ap"), "")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"{hour:02}:{minute:02}"


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Without what English puts behind it; hardly a linguist's, but the same for every form of most words."""
    word = word.removesuffix("'s").removesuffix("s'").replace("'", "").replace("-", "")
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) > 2:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou" else word
