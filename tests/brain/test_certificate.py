"""What is the matter with a certificate, in words that hold nothing of its key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tidegate.brain.certificate import over, unusable

MADE = trustme.CA().issue_cert("localhost")
OTHER = trustme.CA().issue_cert("localhost")
CHAIN = b"".join(blob.bytes() for blob in MADE.cert_chain_pems)
KEY = MADE.private_key_pem.bytes()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Files of a folder; returns the folder."""

    def made(**files: bytes) -> str:
        for name, content in files.items():
            (tmp_path / f"tls.{name}").write_bytes(content)
        return str(tmp_path)

    return made


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"crt": CHAIN, "key": KEY}, ""),
        ({}, "has no entry tls.crt and no entry tls.key; a Secret of type kubernetes.io/tls has both"),
        ({"crt": CHAIN}, "has no entry tls.key; a Secret of type kubernetes.io/tls has both"),
        ({"crt": CHAIN, "key": OTHER.private_key_pem.bytes()}, "the key is another certificate's"),
        ({"crt": b"garbage", "key": KEY}, "cannot be used"),
        ({"crt": CHAIN, "key": b"hunter2"}, "cannot be used"),
        ({"crt": b"", "key": b""}, "cannot be used"),
        ({"crt": KEY, "key": CHAIN}, "cannot be used"),
    ],
    ids=[
        "good",
        "empty",
        "no key",
        "another's key",
        "garbage",
        "a key that is none",
        "nothing in them",
        "the wrong way round",
    ],
)
def test_what_can_be_shown(write: Callable[..., str], files: dict[str, bytes], says: str) -> None:
    found = unusable(write(**files))
    assert (says in found) if says else not found
    assert "hunter2" not in found


def test_nobody_asks_for_one() -> None:
    assert unusable("") == ""


@pytest.mark.parametrize(
    ("expires", "says"),
    [(0, ""), (1001, ""), (1000, "the certificate that is shown has run out on 1970-01-01 00:16 UTC")],
)
def test_one_that_has_run_out(expires: float, says: str) -> None:
    assert over(expires, 1000.0) == says
