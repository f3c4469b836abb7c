"""`tidegate cache`: what is asked, of whom, what is shown, and what is said where it cannot be."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.caching.test_explain import policy
from tests.support.builders import pod
from tests.support.fake_api import FakeApi
from tidegate.brain.cache.admin import CannotTell, Criteria, Found, criteria, serve
from tidegate.cli.caching.here import purge
from tidegate.cli.main import main
from tidegate.cli.plugin import access
from tidegate.cli.plugin.access import Cluster, Flags
from tidegate.cluster.client import Refused
from tidegate.names import ROUTER_CONFIG_KEY
from tidegate.plan.plan import ObjectKey

Capture = pytest.CaptureFixture[str]
SAID = {
    "entries": 7, "bytes": 3 << 20, "storeBytes": 5 << 20, "hits": {"memory": 1, "exact": 2, "semantic": 1}, "misses": 4,
    "savedTokens": 700_000, "savedMicrodollars": 1_500_000,
    "trouble": ["the store is away"], "semantic": {"state": "ExactOnly", "judged": 9, "falseHits": 3},
}  # fmt: skip


class Server(FakeApi):
    """A policy, its document, and two routers behind the Pods' proxy, of which `said` answers."""

    def __init__(self, said: Any = None, routers: int = 2) -> None:
        super().__init__()
        self.said, self.routers = said, routers

    async def get(self, key: ObjectKey) -> dict[str, Any] | None:
        if key.name not in ("chat", "chat-router"):
            return None
        return {"data": {ROUTER_CONFIG_KEY: policy().config.text()}, "status": {}}

    async def request(self, method: str, url: str, *_: Any, **__: Any) -> dict[str, Any]:
        if url.endswith("/pods"):
            return {"items": [pod(f"chat-{number}", {}) for number in range(self.routers)]}
        assert url.endswith(":9092/proxy/status")
        if isinstance(self.said, Exception):
            raise self.said
        return {"caches": self.said or {}}


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """What the commands find."""
    found = Server({"shared": SAID})

    @asynccontextmanager
    async def opened(_: Flags) -> AsyncIterator[Cluster]:
        yield Cluster(found, "shop")

    monkeypatch.setattr(access, "opened", opened)
    return found


def ran(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["cache", *arguments])
    return int(ended.value.code or 0)


def test_stats_of_all_routers(capsys: Capture) -> None:
    assert ran("stats", "rpol/chat") == 0
    assert capsys.readouterr().out == (
        "CacheTier shared: 50.0% of 16 requests were answered from it\n"
        "  memory             2  12.5%\n"
        "  exact              4  25.0%\n"
        "  semantic           2  12.5%\n"
        "  misses             8  50.0%\n"
        "  saved      1,400,000  tokens, 3.00 US dollars\n"
        "  store        5.0 MiB\n"
        "  similar           18  looked at, 6 of them wrong\n"
        "  similar questions are not answered at the moment: too many answers were wrong\n"
        "  chat-0: 7 answers, 3.0 MiB\n"
        "    the store is away\n"
        "  chat-1: 7 answers, 3.0 MiB\n"
        "    the store is away\n"
    )
    assert ran("stats", "chat", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["chat-1"]["shared"] == SAID


def test_routers_that_keep_nothing(server: Server, capsys: Capture) -> None:
    server.said = {}
    assert ran("stats", "chat") == 0
    assert "its routers keep no answers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("stats", "other"), "there is no RoutingPolicy other in namespace shop; see: kubectl get rpol -n shop"),
        (("stats", "mdep/chat"), "only RoutingPolicies have caches, for example rpol/chat"),
        (("explain", "chat", "--model", "chat"), "write one of --prompt and --filename"),
        (("explain", "chat", "-f", "/nowhere"), "/nowhere: "),
        (("purge", "chat"), "say which answers: --tenant"),
        (("purge", "chat", "--all", "--tenant", "a"), "or --all, and none of these"),
    ],
)
def test_what_cannot_be_done(arguments: tuple[str, ...], says: str, capsys: Capture) -> None:
    assert ran(*arguments) == 2
    assert says in capsys.readouterr().err


def test_who_may_not_ask_is_told_what_it_takes(server: Server, capsys: Capture) -> None:
    server.said = Refused("pods is forbidden")
    assert ran("stats", "chat") == 2
    assert "takes `get` of `pods/proxy` in namespace shop" in capsys.readouterr().err


def test_no_router_answers(server: Server, capsys: Capture) -> None:
    server.routers = 0
    assert ran("purge", "chat", "--all") == 2
    assert "has no router that answers" in capsys.readouterr().err


def test_explain_says_it_by_its_status(tmp_path: Path, capsys: Capture) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"model": "chat", "messages": [], "n": 2}')
    assert ran("explain", "chat", "-f", str(body), "--client", "a") == 1
    assert ran("explain", "chat", "--model", "chat", "--prompt", "hi", "--client", "a") == 0
    assert "an answer to it is kept" in capsys.readouterr().out


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, which notes its arguments and answers as the first router would."""
    program, asked = tmp_path / "kubectl", tmp_path / "asked"
    answer = '{"memory": 2, "exact": 3, "semantic": 1}'
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {asked}\ncase "$*" in *broken*) echo no >&2; exit 1;; esac\necho \'{answer}\'\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return asked


def test_a_dry_run_counts_the_store_once(kubectl: Path, capsys: Capture) -> None:
    assert ran("purge", "chat", "--tenant", "acme", "--context", "west") == 0
    words = "there: 4 in the memory of 2 routers, 3 in the store, 1 questions that are compared; --yes forgets them\n"
    assert capsys.readouterr().out == words
    first = kubectl.read_text().splitlines()[0]
    assert first.startswith("--context west exec -n shop chat-0 -c brain -- python -m tidegate forget {")
    assert criteria(first.partition("forget ")[2]) == Criteria(tenant="acme")


def test_a_purge_in_every_router(kubectl: Path, capsys: Capture) -> None:
    assert ran("purge", "chat", "--all", "--yes") == 0
    assert "forgotten: 4 in the memory of 2 routers, 6 in the store" in capsys.readouterr().out
    assert len(kubectl.read_text().splitlines()) == 2


def test_a_router_that_cannot_be_told(kubectl: Path, capsys: Capture) -> None:
    assert ran("purge", "chat", "--prompt", "broken", "--yes") == 2
    assert capsys.readouterr().err == "router chat-0: no\nrouter chat-1: no\n"


def test_without_kubectl(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("PATH", "")
    assert ran("purge", "chat", "--all") == 2
    assert "there is no kubectl on PATH" in capsys.readouterr().err


class Caches:
    """Of a brain: it finds what was asked for last, unless the tenant is `nobody`."""

    asked = Criteria()

    def stats(self) -> dict[str, Any]:
        return {}

    async def purge(self, criteria: Criteria) -> Found:
        self.asked = criteria
        if criteria.tenant == "nobody":
            raise CannotTell("the store is away")
        return Found(1, 2, 3)


@pytest.mark.parametrize(
    ("said", "code", "out", "err"),
    [
        ('{"tenant": "a", "threshold": 0.9, "really": true}', 0, '{"memory": 1, "exact": 2, "semantic": 3}\n', ""),
        ('{"tenant": "nobody"}', 1, "", "the store is away\n"),
        ('{"tenants": "a"}', 1, "", "the criteria must be a map of tenant, model, revision"),
        ('{"really": "no"}', 1, "", "the criteria must be a map of"),
        ("nope", 1, "", "Expecting value"),
    ],
)
async def test_in_the_pod(tmp_path: Path, capsys: Capture, said: str, code: int, out: str, err: str) -> None:
    """What kubectl runs there asks the brain's socket."""

    caches = Caches()
    runner = await serve(tmp_path / "cache-admin.sock", caches)
    try:
        assert await asyncio.to_thread(purge, tmp_path, said) == code
    finally:
        await runner.cleanup()
    printed = capsys.readouterr()
    assert printed.out == out
    assert err in printed.err
    assert code or caches.asked == Criteria(tenant="a", threshold=0.9, really=True)


def test_a_pod_without_a_brain(tmp_path: Path, capsys: Capture) -> None:
    assert purge(tmp_path, "{}") == 1
    assert capsys.readouterr().err == "there is no brain here that has caches\n"
