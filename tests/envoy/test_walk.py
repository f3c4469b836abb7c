"""Who is asked, attempt by attempt: each row of the table."""

from __future__ import annotations

import pytest

from tests.envoy.conftest import config
from tidegate.contract.router_config import RouterConfig
from tidegate.contract.routes import Fallback, FixedAnswer, Target
from tidegate.envoy.walk import followed, groups, walked

LATER = FixedAnswer(status=503, message="later")
END = (("end:to-chat", 1),)


def made(targets: dict[str, int], attempts: int, steps: str = "", answer: FixedAnswer | None = None) -> RouterConfig:
    base = config({"chat": targets, "other": dict.fromkeys(steps, 1)})
    fallback = Fallback(steps=tuple((Target(destination=f"{s}.r1", weight=1),) for s in steps), answer=answer)
    chat = base.routes[0].model_copy(update={"fallback": fallback if steps or answer else None})
    retry = base.retry.model_copy(update={"attempts": attempts})
    return base.model_copy(update={"routes": (chat, *base.routes[1:]), "retry": retry})


def asked(config_: RouterConfig) -> list[tuple[tuple[str, int], ...]]:
    found = groups(config_.routes[0], config_)
    return [tuple((t.destination.removesuffix(".r1"), t.weight) for t in group) for group in found]


ONE, TWO = {"a": 1}, {"a": 9, "b": 1}
BOTH, OTHERS = (("a", 9), ("b", 1)), (("b", 9), ("a", 1))


@pytest.mark.parametrize(
    ("targets", "attempts", "steps", "answer", "wanted"),
    [
        ({}, 2, "", None, []),
        (ONE, 2, "", None, [(("a", 1),)]),
        (TWO, 0, "", None, [BOTH]),
        (TWO, 2, "", None, [BOTH, BOTH, OTHERS]),
        (ONE, 1, "bc", None, [(("a", 1),), (("a", 1),), (("b", 1),), (("c", 1),)]),
        (TWO, 0, "c", LATER, [BOTH, (("c", 1),), END]),
        (TWO, 1, "c", LATER, [BOTH, OTHERS, (("c", 1),), END]),
        (ONE, 0, "", LATER, [(("a", 1),), END]),
    ],
)
def test_each_row(
    targets: dict[str, int], attempts: int, steps: str, answer: FixedAnswer | None, wanted: list[object]
) -> None:
    assert asked(made(targets, attempts, steps, answer)) == wanted


def test_another_revision_of_the_same_backend_before_any_other() -> None:
    base = made({"a": 50, "b": 5, "c": 45}, 1)
    canary = tuple(d.model_copy(update={"backend": "a"}) if d.name == "b.r1" else d for d in base.destinations)
    assert asked(base.model_copy(update={"destinations": canary}))[-1] == (("b", 50), ("a", 5), ("a", 45))


def test_after_whom_another_one_may_be_asked() -> None:
    assert walked(made(ONE, 2)) == frozenset()
    assert walked(made(ONE, 2, "b")) == {"a.r1", "b.r1"}
    assert walked(made(TWO, 1)) == {"a.r1", "b.r1"}


def test_who_may_be_left_alone_altogether() -> None:
    """Where somebody else is asked afterwards, whatever the walk; words at the end are nobody."""
    assert followed(made(ONE, 2, "b")) == {"a.r1"}
    assert followed(made(ONE, 0, "", LATER)) == frozenset()
    several = made(ONE, 0, "bc", LATER)
    assert followed(several.model_copy(update={"routes": several.routes[:1]})) == {"a.r1", "b.r1"}
    assert followed(several) == {"a.r1"}, "the other route has b and c, and nobody after them"
    assert followed(made(TWO, 1)) == frozenset(), "one stands in for the other, and nobody for both"
