"""Which decisions are known while configurations come and go."""

from __future__ import annotations

from tests.brain.decide.test_step import asking
from tests.envoy.conftest import config
from tidegate.brain.decide.known import LASTS
from tidegate.brain.decide.server import Decisions
from tidegate.brain.decide.step import Ask
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.clusters import Endpoint

PLAIN = config({"chat": {"a": 1}, "large": {"b": 1}, "auto": {"a": 1}})
LARGE, CHAT = asking("to-large", "to-chat"), asking("to-chat", "to-large")
ENGINES = {"a": (Endpoint("127.0.0.1", 1),), "b": (Endpoint("127.0.0.1", 2),)}


class Brain:
    """With a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.decisions = Decisions(lambda: self.now)

    def follows(self, wanted: RouterConfig) -> None:
        self.decisions.follow(wanted, ENGINES)

    def says(self) -> str:
        """The route of a request for `auto`; empty where it is told to try again."""
        said = self.decisions.decide(Ask("auto", b""))
        assert isinstance(said, bytes)
        return said.decode().partition("x-tidegate-in-route: ")[2].partition("\r\n")[0]


def test_who_began_before_is_answered_however_often_the_new_one_is_followed() -> None:
    """A router follows what Envoy runs whenever anything changes: engines, keys, or what is wanted next."""
    brain = Brain()
    assert brain.says() == ""
    brain.follows(LARGE)
    for _ in range(3):
        brain.follows(PLAIN)
        assert brain.says() == "to-large"
    brain.now += LASTS
    brain.follows(PLAIN)
    assert brain.says() == ""


def test_what_may_come_is_known_while_the_old_one_is_followed() -> None:
    brain = Brain()
    brain.follows(LARGE)
    brain.decisions.expect(CHAT, ENGINES)
    assert brain.says() == "to-large"
    brain.follows(PLAIN)
    assert brain.says() == "to-chat"
