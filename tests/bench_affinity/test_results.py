"""What rounds become: counts, middles, and the lines of the tables."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.affinity import report
from benchmarks.affinity.engines import Counted, busiest, hit_rate, read
from benchmarks.affinity.play import Played
from benchmarks.affinity.results import Cost, Results, Round, round_of
from benchmarks.router.results import Machine, middle

EXPOSED = """
# HELP vllm:prefix_cache_hits_total x
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 200.0
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 80.0
vllm:prefix_cache_hits_created{engine="0",model_name="m"} 1.7e+09
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 3.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 4.0
"""


def _round(p50: float, hit_rate: float = 0.5, failed: int = 0) -> Round:
    return Round(hit_rate, p50, 2 * p50, 0.25, 100, failed, 0.002)


def _results() -> Results:
    results = Results(
        Machine(2, "a processor", "1.40.0", 0.25), {"A": "one", "B": "two"}, {"C": "gone"}, {"t": "talks"}
    )
    for p50 in (0.1, 0.3, 0.2):
        results.add("t", "A", _round(p50))
        results.add("t", "B", _round(p50 / 2, 0.7, failed=1))
    some = middle([1.0, 2.0, 3.0])
    results.costs.append(Cost("2 KiB", some, some, some))
    return results


def test_an_engines_counters() -> None:
    assert read(EXPOSED) == Counted(200.0, 80.0, 7.0)
    assert read(EXPOSED).since(Counted(100.0, 20.0, 2.0)) == Counted(100.0, 60.0, 5.0)


def test_all_engines_together() -> None:
    some = [Counted(100, 50, 3), Counted(300, 50, 1)]
    assert hit_rate(some) == 0.25
    assert busiest(some) == 0.75
    assert hit_rate([Counted()]) == busiest([Counted()]) == 0.0


def test_a_round() -> None:
    played = Played([0.1, 0.2, 0.3, 0.4], [0.0, 0.001], Counter({"TimeoutError: ": 2}))
    assert round_of(played, [Counted(10, 5, 4)]) == Round(0.5, 0.2, 0.4, 1.0, 4, 2, 0.001)


def test_a_round_without_answers_is_none() -> None:
    with pytest.raises(ValueError, match=r"no request was answered.*refused"):
        round_of(Played([], [0.0], Counter({"refused": 1})), [])


def test_the_table() -> None:
    first, second = report.lines(_results())
    assert first == (
        "talks",
        "A",
        "50% (50% to 50%)",
        "200 ms (100 to 300)",
        "400 ms (200 to 600)",
        "25% (25% to 25%)",
        "0",
    )
    assert second[-1] == "3"
    assert list(report.costs(_results())) == [("2 KiB", *["2.0 (1.5 to 2.5)"] * 3)]


def test_the_text_says_on_what_and_what_is_not_there() -> None:
    text = report.text(_results())
    assert "Envoy 1.40.0, 2 cores (a processor)" in text
    assert "Medians of 3 rounds" in text
    assert "- `C` was left out: gone" in text


def test_the_files(tmp_path: Path) -> None:
    report.write(_results(), tmp_path)
    found = json.loads((tmp_path / "affinity.json").read_text())
    assert [one["p50"]["median"] for one in found["middles"]] == [0.2, 0.1]
    assert (tmp_path / "affinity.md").read_text() == report.text(_results())


def test_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- affinity: begin -->\nold\n<!-- affinity: end -->\nafter\n")
    report.insert(page, _results())
    assert "old" not in page.read_text()
    assert "| talks | B |" in page.read_text()
