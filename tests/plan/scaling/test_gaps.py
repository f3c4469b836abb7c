"""What cannot be read: each row of the table, when it counts, and that words stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidegate.engines.metrics import NAMES, NEEDED, SERVES, Unread, read
from tidegate.plan.scaling.gaps import COUNTS_AFTER, Gap, counted, lasting, of_engine, of_signals
from tidegate.plan.scaling.seen import Reading
from tidegate.plan.scaling.settings import Signal

QUEUE, KV = Signal("queue", "queueDepth", 5), Signal("kv", "kvCacheUtilization", 0.8)
TTFT, OWN = Signal("ttft", "timeToFirstToken", 1.0), Signal("own", "query", 10)
IMAGE = "vllm/vllm-openai:v0.32.0"


@pytest.mark.parametrize(
    ("said", "reason", "words"),
    [
        (
            Unread("vllm:kv or vllm:gpu", "kv"),
            "MetricMissing",
            f"small-x ({IMAGE}) does not show vllm:kv or vllm:gpu, which the load and kv need",
        ),
        (
            Unread("vllm:waiting", "waiting"),
            "MetricMissing",
            f"small-x ({IMAGE}) does not show vllm:waiting, which the load and queue need",
        ),
        (
            Unread("vllm:prompt", "prompt"),
            "MetricMissing",
            f"small-x ({IMAGE}) does not show vllm:prompt, which the load needs",
        ),
        (Unread("http://10.0.0.7:8000/metrics: TimeoutError"), "EngineSilent", f"small-x ({IMAGE}) says nothing: http"),
    ],
)
def test_an_engine(said: Unread, reason: str, words: str) -> None:
    gap = of_engine("small-x", IMAGE, said, (QUEUE, KV, TTFT), 7.0)
    assert (gap.reason, gap.source, gap.since) == (reason, "small-x", 7.0)
    assert gap.words.startswith(words)


@pytest.mark.parametrize(
    ("reading", "reason", "words"),
    [
        (None, "PrometheusMissing", "own needs Prometheus, and the operator knows none; set the chart's"),
        (Reading(error="refused", asked=False), "PrometheusUnreachable", "own: refused"),
        (Reading(error="parse error"), "QueryUnanswered", "own: parse error"),
        (Reading(float("nan")), "QueryUnanswered", "own: the answer is no number"),
        (Reading(1.0, age=91.0), "QueryUnanswered", "own: no answer is newer than 90 s"),
        (Reading(1.0, age=90.0), "", ""),
    ],
)
def test_a_signal_of_prometheus(reading: Reading | None, reason: str, words: str) -> None:
    found = of_signals((QUEUE, OWN), {} if reading is None else {"own": reading}, 7.0)
    assert [gap.reason for gap in found] == ([reason] if reason else [])
    assert all(gap.words.startswith(words) for gap in found)


def test_a_gap_that_lasts_keeps_since_when_and_its_words_once_it_counts() -> None:
    first = Gap("EngineSilent", "small-x", "it timed out after 2.01 s", 7.0)
    later = Gap("EngineSilent", "small-x", "it timed out after 2.02 s", 12.0)
    other = Gap("MetricMissing", "small-x", "no vllm:x", 12.0)
    assert lasting((first,), (later,), 21.9) == (replace(later, since=7.0),)
    assert lasting((first,), (later,), 22.0) == (first,)
    assert lasting((first,), (other,), 22.0) == (other,)
    assert lasting((first,), (), 22.0) == ()


@pytest.mark.parametrize(("reason", "seconds"), COUNTS_AFTER.items())
def test_when_it_counts(reason: str, seconds: float) -> None:
    gap = Gap(reason, "small-x", "", 100.0)  # type: ignore[arg-type]
    assert counted((gap,), 100.0 + seconds) == (gap,)
    assert not seconds or counted((gap,), 99.0 + seconds) == ()


def test_the_gravest_comes_first() -> None:
    reasons = list(COUNTS_AFTER)
    gaps = [Gap(reason, "b", "", 0.0) for reason in reversed(reasons)] + [Gap(reasons[0], "a", "", 0.0)]
    found = counted(gaps, 100.0)
    assert [gap.reason for gap in found] == [reasons[0], *reasons]
    assert found[0].source == "a"


@pytest.mark.parametrize("number", NEEDED)
def test_a_page_says_which_number_is_missing(number: str) -> None:
    page = b"".join(b"\n%s 1" % names[0] for name, names in NAMES.items() if name != number)
    found = read(page)
    assert isinstance(found, Unread)
    assert (found.number, found.number in SERVES) == (number, True)
