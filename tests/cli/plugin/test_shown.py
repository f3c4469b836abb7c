"""What people see: advice, the viewer's memory, lines and the picture."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from tests.support.rollouts import GATES, STABLE, TRIED, arm, on_trial, promoted, switching, taken_back
from tidegate.cli.plugin.address import Address, bare_name
from tidegate.cli.plugin.advice import advice
from tidegate.cli.plugin.lines import changes, headline
from tidegate.cli.plugin.looks import Look, Looks, blocks, figure
from tidegate.cli.plugin.picture import picture
from tidegate.cli.plugin.seen import seen

TO = Address("qwen", "shop", ("-n", "shop"))
NOW = datetime(2026, 3, 1, 12, 0, 18, tzinfo=UTC)


def paused() -> dict[str, Any]:
    made = on_trial(phase="Paused", pause="Spec", message="paused by spec.rollout.paused")
    made["spec"]["rollout"]["paused"] = True
    return made


def past_all(active: str = STABLE) -> dict[str, Any]:
    made = on_trial(share=None, step=2, phase="Promoting") if active == STABLE else promoted()
    made["status"]["rollout"]["phase"] = "Promoting"
    return made


@pytest.mark.parametrize(
    ("model", "verbs"),
    [
        (on_trial(), ["promote", "pause", "abort"]),
        (on_trial(phase="Paused", pause="GateFailed"), ["promote", "pause", "abort"]),
        (paused(), ["resume", "promote", "abort"]),
        (past_all(), ["abort"]),
        (past_all(TRIED), []),
        (taken_back(), ["retry"]),
        (promoted(), []),
        (switching(), []),
        ({}, []),
    ],
)
def test_advice(model: dict[str, Any], verbs: list[str]) -> None:
    given = [each.command for each in advice(seen(model), TO)]
    assert given == [f"kubectl tidegate rollout {verb} qwen -n shop" for verb in verbs]


@pytest.mark.parametrize("said", ["qwen", "mdep/qwen", "ModelDeployment/qwen", "modeldeployments.tidegate.dev/qwen"])
def test_names(said: str) -> None:
    assert bare_name(said) == "qwen"


def test_another_kind() -> None:
    with pytest.raises(
        ValueError, match="deploy/qwen: only ModelDeployments have rollouts and scale, for example mdep/qwen"
    ):
        bare_name("deploy/qwen")


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("errors: 0.56 % of 540 (max 1 %), stable 0.5 %", 0.56),
        ("slower than 500ms: 2.6 % of 1,540; 179 : 1 that it is over the limit of 1 %", 2.6),
        ("errors: under 0.001 % of 1,000,000 (max 1 %)", None),
        ("0.93 (at least 0.9)", 0.93),
        ("-2e-05 is under 0.9", -2e-05),
        ("54 of 100 requests", None),
        ("the query gives NaN, as 0 divided by 0 does", None),
        ("-- is", None),
    ],
)
def test_figure(words: str, number: float | None) -> None:
    assert figure(words) == number


def test_blocks_are_as_high_as_their_figures() -> None:
    row = blocks([Look("passed", 1.0), Look("inconclusive", None), Look("failed", 8.0), Look("odd", 0.0)])
    assert row == [("▃", "green"), ("▂", "yellow"), ("█", "red"), ("▂", "white")]
    assert blocks([]) == []


def looked(at: str, outcome: str = "passed", **rollout: Any) -> dict[str, Any]:
    return on_trial(gates=[{"name": "errors", "outcome": outcome, "message": "errors: 1 % of 9", "at": at}], **rollout)


def test_a_look_is_remembered_once() -> None:
    looks = Looks()
    for at, outcome in (("1", "passed"), ("1", "passed"), ("2", "failed"), ("", "error")):
        looks.note(seen(looked(at, outcome)))
    assert looks.of("errors") == (Look("passed", 1.0), Look("failed", 1.0))
    assert looks.of("ttft") == ()


def test_another_revision_begins_anew() -> None:
    looks = Looks()
    looks.note(seen(looked("1")))
    another = looked("2", revision="cccc3333")
    another["status"]["revisions"] = [arm("cccc3333", "Candidate", 10, 1)]
    looks.note(seen(another))
    assert len(looks.of("errors")) == 1


def unseen() -> dict[str, Any]:
    made = promoted()
    made["metadata"]["generation"] = 2
    return made


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (on_trial(), f"{TRIED} gets 10 % (step 1 of 2), 1/1 engines: Holding: its hold ends at 2026-03-01T12:01:00Z"),
        (on_trial(step=2, message=""), f"{TRIED} gets 10 % (all steps are behind it), 1/1 engines: Holding"),
        (taken_back(), f"{TRIED} was taken back: errors failed: errors: 49 % of 341; {STABLE} serves"),
        (promoted(), f"{TRIED} is promoted: it has all of the traffic"),
        (switching(), f"{TRIED} takes over when all of its engines answer, 1/1 engines"),
    ],
)
def test_headline(model: dict[str, Any], line: str) -> None:
    assert headline(seen(model), TO) == f"mdep/qwen: revision {line}"


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (unseen(), "the operator has not looked at the last change yet"),
        ({}, "no revision serves yet"),
        ({"status": {"activeRevision": STABLE}}, f"no rollout is under way: revision {STABLE} serves"),
    ],
)
def test_headline_without_a_revision_on_trial(model: dict[str, Any], line: str) -> None:
    assert headline(seen(model), TO) == f"mdep/qwen: {line}"


def test_only_changes_are_lines() -> None:
    first, figures = seen(on_trial()), [GATES[0] | {"message": "errors: 0.6 % of 700"}, GATES[1]]
    assert len(list(changes(None, first, TO))) == 3
    assert list(changes(first, seen(on_trial(gates=figures)), TO)) == []
    passed = [GATES[0], GATES[1] | {"outcome": "passed"}]
    assert list(changes(first, seen(on_trial(gates=passed)), TO)) == ["  objective ttft passed: 54 of 100 requests"]
    assert list(changes(first, seen(promoted()), TO)) == [headline(seen(promoted()), TO)]


def blue_green(step: int, share: int = 0) -> dict[str, Any]:
    made = on_trial(step=step, share=share)
    made["spec"]["rollout"] = {"strategy": "BlueGreen"}
    return made


def drawn(model: dict[str, Any], trouble: str = "") -> str:
    console, looks = Console(width=100, file=io.StringIO(), record=True), Looks()
    looks.note(seen(model))
    console.print(picture(seen(model), TO, looks, NOW, trouble))
    return console.export_text()


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        (
            on_trial(),
            [
                "mdep/qwen in shop",
                "Holding  its hold ends at 2026-03-01T12:01:00Z  42 s left",
                f"revision {TRIED}, since 2 min 18 s",
                "▶ 10 % ─ 50 % ─ all",
                "90 %  2/2",
                "errors: 0.56 % of 540 (max 1 %), stable 0.5 %  █",
                "kubectl tidegate rollout abort qwen -n shop",
            ],
        ),
        (on_trial(step=1, share=50), ["✔ 10 % ─ ▶ 50 % ─ all"]),
        (on_trial(steps=3), ["▶ step 1 ─ step 2 ─ step 3 ─ all"]),
        (blue_green(0), ["▶ tests ─ all ─ the old one leaves", "promote qwen -n shop  switch all requests to it"]),
        (blue_green(1, share=100), ["✔ tests ─ ▶ all ─ the old one leaves", "let the old revision go"]),
        (taken_back(), ["RolledBack  errors failed", "✘ 10 % ─ 50 % ─ all", "100 %  2/2", "rollout retry qwen"]),
        (promoted(), ["is promoted: it has all of the traffic", "✔ 10 % ─ ✔ 50 % ─ ✔ all"]),
        (switching(), [f"revision {TRIED} takes over when all of its engines answer"]),
        ({}, ["no revision serves yet"]),
    ],
)
def test_picture(model: dict[str, Any], parts: list[str]) -> None:
    text = drawn(model)
    assert [part for part in parts if part not in text] == []


def test_nothing_is_shown_of_a_trial_that_is_over() -> None:
    """The spec was changed back; the status still has its words."""
    made = on_trial()
    made["status"]["revisions"] = [arm(STABLE, "Active", 100, 2)]
    text = drawn(made)
    assert f"no rollout is under way: revision {STABLE} serves" in text
    assert [word for word in ("steps", "objective", "next") if word in text] == []


def test_a_picture_that_is_old_says_so() -> None:
    assert "the API server does not answer; what stands here is older: refused" in drawn(on_trial(), "refused")


def test_long_times() -> None:
    made = on_trial(began="2026-03-01T10:00:00+00:00")
    assert "since 2 h 0 min" in drawn(made)
