"""A filter that panics costs the one request, whichever hook it is in."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.hostile.wire import HELLO, ask, request
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy import chain, native
from tidegate.envoy.clients import Clients
from tidegate.envoy.types import Resource

pytestmark = pytest.mark.envoy


def panics(module: str) -> Resource:
    """The filter that breaks where the header `x-panics` says."""
    made = native.route(module)
    return {"name": "panics", "typed_config": {**made["typed_config"], "filter_name": "panics"}}


def counted(envoy: RealEnvoy) -> int:
    """Panics so far, of requests and of attempts."""
    found = re.findall(r"^envoy_(?:cluster_)?tidegate_native_panics_total\S* (\d+)$", envoy.metrics(), re.MULTILINE)
    return sum(int(number) for number in found)


def downstream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the route filter."""
    real = chain.of_policy

    def with_panics(wanted: RouterConfig, module: str, clients: Clients, held: Collection[str]) -> Resource:
        made = real(wanted, module, clients, held)
        made[chain.NAME]["filter_chain"]["filters"].insert(0, panics(module))
        return made

    monkeypatch.setattr(chain, "of_policy", with_panics)


def upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the engine filter."""
    monkeypatch.setattr(native, "engine", lambda module, _model: panics(module))


REQUEST = ("request_headers", "request_body")
ANSWER = ("response_headers", "response_body")


@pytest.mark.parametrize(("where", "hooks"), [(downstream, (*ANSWER, "complete")), (upstream, ANSWER)])
def test_one_request_is_lost(
    envoy: RealEnvoy,
    engines: Engines,
    monkeypatch: pytest.MonkeyPatch,
    where: Callable[[pytest.MonkeyPatch], None],
    hooks: tuple[str, ...],
) -> None:
    where(monkeypatch)
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    before = envoy.pid
    for number, hook in enumerate((*REQUEST, *hooks), 1):
        answer = ask(envoy.port, request(HELLO, b"x-panics: " + hook.encode()))
        assert answer.status == (500 if hook in REQUEST else 200), (hook, answer)
        if answer.status == 500:
            assert answer.error()["type"] == "RouterError"
        assert ask(envoy.port, request()).status == 200, "the next one works"
        assert counted(envoy) == number, hook
    assert envoy.pid == before


def test_a_configuration_that_is_none_is_refused(
    envoy: RealEnvoy, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The routes that there are stay."""
    engine = engines.start()
    envoy.offer(config({"chat": {"a": 1}}), {"a": [engine]})
    broken = native.route(envoy.start.module)
    broken["typed_config"]["filter_name"] = "nothing"
    monkeypatch.setattr(native, "route", lambda _module, **_: broken)
    with pytest.raises(TimeoutError, match="no such filter"):
        envoy.offer(config({"other": {"a": 1}}), {"a": [engine]})
    reading = envoy.reading()
    assert reading
    assert reading.refusals == 1
    assert ask(envoy.port, request()).status == 200
