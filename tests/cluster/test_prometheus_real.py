"""Asking a real Prometheus, which watches itself every second, and one behind TLS and a password."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from e2e.devcluster import build
from tests.support.ports import free_port
from tidegate.cluster import prometheus
from tidegate.cluster.prometheus import Access, Prometheus
from tidegate.plan.samples import Measurement

pytestmark = pytest.mark.cluster
COUNTER = "prometheus_tsdb_head_samples_appended_total"
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: itself
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
GUARD = f"""
tls_server_config: {{cert_file: server.crt, key_file: server.key}}
basic_auth_users: {{somebody: "$2y$10${"x" * 53}"}}
"""


@dataclass(frozen=True)
class Server:
    """One that runs."""

    port: int
    process: subprocess.Popen[bytes]

    async def waits_for(self, condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
        """Raises TimeoutError, or AssertionError when the server has ended."""
        async with asyncio.timeout(seconds):
            while not await condition():
                assert self.process.poll() is None
                await asyncio.sleep(0.1)


@contextmanager
def run(folder: Path, *flags: str) -> Iterator[Server]:
    port = free_port()
    (folder / "prometheus.yml").write_text(CONFIG.format(port=port))
    argv = [build.prometheus(print) / "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (folder / "log").open("wb") as log:
        listen = f"--web.listen-address=127.0.0.1:{port}"
        process = subprocess.Popen([*map(str, argv), listen, *flags], cwd=folder, stdout=log, stderr=log)
    try:
        yield Server(port, process)
    finally:
        process.kill()
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run(tmp_path_factory.mktemp("prometheus")) as made:
        yield made


@pytest_asyncio.fixture
async def asked(server: Server) -> AsyncIterator[Prometheus]:
    """Once it has scraped itself a few times."""
    made = Prometheus(Access(f"http://127.0.0.1:{server.port}", timeout=2.0))

    async def scraped() -> bool:
        found = await made.query(f"{COUNTER}[1m]")
        return bool(found.series) and len(found.series[0].points) >= 5

    await server.waits_for(scraped)
    yield made
    made.close()


async def test_what_was_scraped_as_it_was(asked: Prometheus) -> None:
    [found] = (await asked.query(f"{COUNTER}{{type='float'}}[1m]")).series
    times, values = [at for at, _ in found.points], [value for _, value in found.points]
    assert all(later > sooner for sooner, later in pairwise(times))
    assert values == sorted(values)
    assert found.labels["job"] == "itself"


async def test_a_range_begins_when_it_is_to_begin(asked: Prometheus) -> None:
    start = time.time() - 2.5
    [found] = (await asked.query_range('up{job="itself"}', start, start + 2.5, 0.5)).series
    assert [at - start for at, _ in found.points] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5], abs=0.002)
    assert {value for _, value in found.points} <= {0.0, 1.0}, "a busy machine may not be scraped in time"


async def test_an_instant_and_a_scalar(asked: Prometheus) -> None:
    moment = time.time() - 1
    [up] = (await asked.query("up >= 0", at=moment)).series
    assert up.points[0][0] == pytest.approx(moment, abs=0.001)
    [number] = (await asked.query("scalar(vector(7))")).series
    assert (number.labels, number.points[0][1]) == ({}, 7.0)
    assert await asked.query("nothing_of_that_name") == Measurement()


async def test_it_warns(asked: Prometheus) -> None:
    found = await asked.query("quantile(2, up)")
    assert len(found.series) == 1
    assert "quantile value should be between 0 and 1" in found.warnings[0]


@pytest.mark.parametrize(
    ("promql", "words"),
    [
        ("up{", "parse error"),
        ("sum by (job", "parse error"),
        ("up + on(job) {__name__=~'prometheus_http_requests_total|up'}", "duplicate"),
    ],
)
async def test_a_wrong_query(asked: Prometheus, promql: str, words: str) -> None:
    found = await asked.query(promql)
    assert (found.fault, found.series) == ("query", ())
    assert words in found.error


async def test_too_many_series(asked: Prometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "MOST_SERIES", 5)
    assert (await asked.query("{job='itself'}")).error.endswith(
        "gives more than 5 series to this query; let it select less, or sum up"
    )
    assert len((await asked.query("topk(5, {job='itself'})")).series) == 5


async def test_it_hangs(server: Server, asked: Prometheus) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        found = await asked.query("up")
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert found.fault == "unreachable"
    assert found.error == f"Prometheus at http://127.0.0.1:{server.port} did not answer within 2 s"
    assert (await asked.query("up")).error == ""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    """One that takes nobody's token, under a certificate of its own; its files lie in `tmp_path`."""
    make = "req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.crt -days 2 -subj /CN=ours"
    argv = ["openssl", *make.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, timeout=30)
    (tmp_path / "web.yml").write_text(GUARD)
    with run(tmp_path, "--web.config.file=web.yml") as made:
        yield made


async def test_a_certificate_and_a_password(guarded: Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("somebody-else")
    url = f"https://127.0.0.1:{guarded.port}"
    ours = Prometheus(Access(url, str(tmp_path / "token"), str(tmp_path / "server.crt")))
    strange = Prometheus(Access(url))

    async def listens() -> bool:
        return (await ours.query("up")).fault == "refused"

    await guarded.waits_for(listens)
    assert "401 Unauthorized" in (await ours.query("up")).error
    found = await strange.query("up")
    assert (found.fault, "self-signed certificate" in found.error) == ("unreachable", True)
    ours.close()
    strange.close()
