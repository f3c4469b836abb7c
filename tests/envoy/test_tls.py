"""TLS between clients and the router: certificates are read again when they are replaced, as kubelet does it, and cut no stream."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trustme

from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.waiting import until
from tidegate.envoy import tls

pytestmark = pytest.mark.envoy
HELLO = {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}


class Mounted:
    """A folder as kubelet makes it of a Secret: files are links through one link, which is renamed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._version = folder, 0
        folder.mkdir()

    def write(self, certificate: bytes, key: bytes) -> None:
        """Another version of both, at once."""
        self._version += 1
        data = self.folder / f"..{self._version}"
        data.mkdir()
        (data / tls.CERTIFICATE).write_bytes(certificate)
        (data / tls.KEY).write_bytes(key)
        for file in (tls.CERTIFICATE, tls.KEY):
            if not (self.folder / file).is_symlink():
                (self.folder / file).symlink_to(f"..data/{file}")
        fresh = self.folder / "..data_tmp"
        fresh.symlink_to(data.name)
        os.replace(fresh, self.folder / "..data")  # noqa: PTH105 - the rename is what Envoy notices

    def issue(self, authority: trustme.CA) -> None:
        """A good one for localhost."""
        made = authority.issue_cert("localhost")
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        self.write(chain, made.private_key_pem.bytes())


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    """Empty."""
    return Mounted(tmp_path / "certificate")


@pytest.fixture
def secure(tmp_path: Path, mounted: Mounted) -> Iterator[RealEnvoy]:
    """Not started yet."""
    made = RealEnvoy(tmp_path)
    made.begin_with(replace(made.start, certificate=str(mounted.folder)))
    yield made
    made.stop()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts this authority alone."""
    made = ssl.create_default_context()
    authority.configure_trust(made)
    return made


def ask(envoy: RealEnvoy, authority: trustme.CA, *, http2: bool = False) -> httpx.Response:
    """One request over a connection of its own."""
    with httpx.Client(verify=trusting(authority), timeout=10, http2=http2) as client:
        return client.post(f"https://localhost:{envoy.port}/v1/chat/completions", json=HELLO)


def test_clients_speak_tls_over_either_http(secure: RealEnvoy, mounted: Mounted, engines: Engines) -> None:
    authority = trustme.CA()
    mounted.issue(authority)
    secure.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    assert ask(secure, authority).status_code == 200
    assert ask(secure, authority, http2=True).http_version == "HTTP/2"
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"http://127.0.0.1:{secure.port}/v1/chat/completions", json=HELLO)
    assert httpx.get(f"http://127.0.0.1:{secure.probe_port}/healthz").status_code == 200, "kubelet's probe"


def test_a_new_certificate_counts_and_cuts_no_connection(secure: RealEnvoy, mounted: Mounted, engines: Engines) -> None:
    old, new = trustme.CA(), trustme.CA()
    mounted.issue(old)
    secure.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    with httpx.Client(verify=trusting(old), timeout=10) as before:
        url = f"https://localhost:{secure.port}/v1/chat/completions"
        assert before.post(url, json=HELLO).status_code == 200
        mounted.issue(new)
        until(lambda: answers(secure, new))
        assert before.post(url, json=HELLO).status_code == 200, "the connection of before goes on"


def answers(envoy: RealEnvoy, authority: trustme.CA) -> bool:
    """Whether a client that trusts only this authority is answered."""
    try:
        return ask(envoy, authority).status_code == 200
    except httpx.ConnectError:
        return False


def test_garbage_leaves_the_last_good_one_in_force(secure: RealEnvoy, mounted: Mounted, engines: Engines) -> None:
    authority, secret = trustme.CA(), b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"
    mounted.issue(authority)
    secure.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    assert ask(secure, authority).status_code == 200
    mounted.write(b"garbage", secret)
    until(lambda: secure.stat(f"sds[.]{tls.NAME}[.]key_rotation_failed") > 0)
    assert ask(secure, authority).status_code == 200
    assert b"hunter2" not in (Path(secure.start.run_dir) / "envoy.log").read_bytes()
    mounted.issue(authority)
    until(lambda: answers(secure, authority))


def test_without_a_certificate_envoy_starts_and_takes_one_later(
    secure: RealEnvoy, mounted: Mounted, engines: Engines
) -> None:
    authority = trustme.CA()
    secure.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    mounted.issue(authority)
    until(lambda: answers(secure, authority))


def test_a_handshake_that_never_ends_keeps_nobody_out(secure: RealEnvoy, mounted: Mounted, engines: Engines) -> None:
    authority = trustme.CA()
    mounted.issue(authority)
    secure.offer(config({"chat": {"a": 1}}), {"a": [engines.start()]})
    with socket.create_connection(("127.0.0.1", secure.port)) as silent:
        silent.sendall(b"\x16\x03\x01")
        began = time.monotonic()
        assert ask(secure, authority).status_code == 200
        print(f"answered after {time.monotonic() - began:.1f} s")
