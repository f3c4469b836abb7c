"""What is written for each verb, and why it sometimes cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.rollouts import TRIED, on_trial, promoted, switching, taken_back
from tidegate.cli.plugin.address import Address
from tidegate.cli.plugin.orders import GIT, VERBS, Impossible, promote
from tidegate.cli.plugin.seen import seen

TO = Address("qwen", "shop", ("-n", "shop"))


def paused(model: dict[str, Any]) -> dict[str, Any]:
    model["spec"]["rollout"]["paused"] = True
    return model


def unseen() -> dict[str, Any]:
    made = on_trial()
    made["metadata"]["generation"] = 2
    return made


def noted(**said: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {f"tidegate.dev/{word}": value for word, value in said.items()}}}


def spec(value: bool) -> dict[str, Any]:
    return {"spec": {"rollout": {"paused": value}}}


@pytest.mark.parametrize(
    ("verb", "model", "patch"),
    [
        ("promote", on_trial(), noted(promote=f"{TRIED}/10%")),
        ("promote", on_trial(phase="Paused", pause="GateFailed", share=50), noted(promote=f"{TRIED}/50%")),
        ("abort", on_trial(), noted(abort=TRIED, promote=None)),
        ("abort", on_trial(abort="cccc3333"), noted(abort=TRIED, promote=None)),
        ("abort", on_trial(abort=TRIED), noted(abort=f"{TRIED}/2", promote=None)),
        ("abort", on_trial(abort=f"{TRIED}/2"), noted(abort=f"{TRIED}/3", promote=None)),
        ("abort", on_trial(share=None, step=2, phase="Promoting"), noted(abort=TRIED, promote=None)),
        ("retry", taken_back(), noted(retry=f"{TRIED}/1", promote=None)),
        ("retry", taken_back(retry=f"{TRIED}/1"), noted(retry=f"{TRIED}/2", promote=None)),
        ("retry", taken_back(retry=f"{TRIED}/again"), noted(retry=f"{TRIED}/2", promote=None)),
        ("retry", taken_back(retry="cccc3333/7"), noted(retry=f"{TRIED}/1", promote=None)),
        ("pause", on_trial(), spec(True)),
        ("pause", promoted(), spec(True)),
        ("pause", unseen(), spec(True)),
        ("resume", paused(on_trial()), spec(False)),
    ],
)
def test_what_is_written(verb: str, model: dict[str, Any], patch: dict[str, Any]) -> None:
    assert VERBS[verb](seen(model), TO).patch == patch


def test_all_steps() -> None:
    assert promote(seen(on_trial()), TO, everything=True).patch == noted(promote=TRIED)


@pytest.mark.parametrize(
    ("verb", "model", "why"),
    [
        ("promote", unseen(), "the operator has not looked at the last change yet"),
        ("promote", promoted(), f"revision {TRIED} is promoted already"),
        ("promote", switching(), "takes over without steps"),
        ("promote", taken_back(), "kubectl tidegate rollout retry qwen -n shop"),
        ("promote", on_trial(share=None, step=2, phase="Promoting"), "all steps of revision"),
        ("abort", promoted(), "the way back is to apply the spec of before"),
        ("abort", taken_back(), "was taken back already"),
        ("abort", unseen(), "the operator has not looked"),
        ("retry", on_trial(), "is on trial; nothing was taken back"),
        ("retry", promoted(), "nothing of mdep/qwen was taken back"),
        ("retry", unseen(), "the operator has not looked"),
        ("pause", switching(), "has no spec.rollout"),
        ("pause", paused(on_trial()), "kubectl tidegate rollout resume qwen -n shop"),
        ("resume", on_trial(), "mdep/qwen is not paused by its spec"),
        ("resume", on_trial(phase="Paused", pause="GateFailed", message="errors failed"), "errors failed. Go on with:"),
    ],
)
def test_what_cannot_be(verb: str, model: dict[str, Any], why: str) -> None:
    with pytest.raises(Impossible) as error:
        VERBS[verb](seen(model), TO)
    assert why in str(error.value)


def test_a_model_that_never_served() -> None:
    model = on_trial()
    model["status"] = {"observedGeneration": 1}
    with pytest.raises(Impossible, match="no revision of it serves yet"):
        VERBS["promote"](seen(model), TO)


def test_what_is_said() -> None:
    said = VERBS["promote"](seen(on_trial()), TO).said
    assert said[0] == f"mdep/qwen: wrote the annotation tidegate.dev/promote={TRIED}/10%"
    assert said[1].startswith("the step of 10 % ends when engines and routers are there")


@pytest.mark.parametrize(("verb", "model"), [("pause", on_trial()), ("resume", paused(on_trial()))])
def test_git_should_say_the_same(verb: str, model: dict[str, Any]) -> None:
    said = VERBS[verb](seen(model), TO).said
    assert said[0].startswith("mdep/qwen: wrote spec.rollout.paused: ")
    assert said[-1] == GIT
