"""What providers are asked with: each row of the table, and what is in which file."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.brain.records.test_outcome import GOOD
from tests.envoy.conftest import config
from tests.support.authority import Authority
from tidegate.brain.authorities import machines
from tidegate.brain.providers import Providers, named_secrets
from tidegate.brain.xds import Files
from tidegate.contract.destinations import Destination, External, Proxy, SecretEntry
from tidegate.contract.router_config import RouterConfig
from tidegate.envoy.providers import named
from tidegate.envoy.start import Start

TOKEN, CA = SecretEntry(secret="openai", entry="token"), SecretEntry(secret="ca", entry="ca.crt")


def secret(**entries: bytes) -> dict[str, Any]:
    return {"data": {name.replace("_", "."): base64.b64encode(value).decode() for name, value in entries.items()}}


def asked(*, key: SecretEntry | None = TOKEN, ca: SecretEntry | None = None) -> RouterConfig:
    """One provider, `hosted`."""
    external = External(host="api.example.com", port=443, model="big", key=key, ca=ca)
    hosted = Destination(name="hosted", backend="hosted", external=external)
    return config({}).model_copy(update={"destinations": (hosted,)})


@pytest.fixture
def providers(tmp_path: Path) -> Providers:
    return Providers(Files(Start(str(tmp_path))))


def key_of(folder: Path) -> str:
    """What Envoy would show: the file that the Secret of its discovery names."""
    found = json.loads((folder / "xds" / f"key.{named(TOKEN)}.json").read_text())
    return Path(found["resources"][0]["generic_secret"]["secret"]["filename"]).read_text()


@pytest.mark.parametrize("value", [b"sk-1", b"sk-1\n", b"sk-1\r\n"])
def test_a_key(providers: Providers, tmp_path: Path, value: bytes) -> None:
    providers.changed("openai", secret(token=value))
    assert providers.credentials(asked()).reach("hosted")
    assert (key_of(tmp_path), providers.problems(asked())) == ("sk-1", ())
    assert "sk-1" not in "".join(file.read_text() for file in (tmp_path / "xds").iterdir())
    assert [oct(file.stat().st_mode)[-3:] for file in tmp_path.glob("key.*")] == ["600"]


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (None, ""),
        (secret(), "does not exist"),
        (secret(other=b"x"), "does not exist"),
        (secret(token=b""), "is empty"),
        (secret(token=b"sk 1"), "has other characters than printable ASCII without spaces"),
        (secret(token=b"sk-1\r\nx-admin: yes"), "has other characters than printable ASCII without spaces"),
        (secret(token=b"x" * 4097), "is longer than 4096 bytes"),
        ({"data": {"token": "%"}}, "is empty"),
    ],
)
def test_no_key(providers: Providers, said: dict[str, Any] | None, wrong: str) -> None:
    providers.changed("openai", said)
    assert not providers.credentials(asked()).reach("hosted")
    sentence = f"Secret 'openai': entry 'token' {wrong}" if wrong else "Secret 'openai' does not exist"
    assert providers.problems(asked()) == (sentence,)


def test_not_read_yet(providers: Providers, tmp_path: Path) -> None:
    assert providers.unread(asked())
    assert not providers.credentials(asked()).reach("hosted")
    assert providers.problems(asked()) == ()
    providers.changed("openai", secret(token=b"sk-1"))
    providers.credentials(asked())
    after = Providers(Files(Start(str(tmp_path))))
    assert after.credentials(asked()).reach("hosted"), "an earlier brain has read it"
    after.changed("openai", None)
    assert not after.credentials(asked()).reach("hosted")


def test_another_key_is_another_file(providers: Providers, tmp_path: Path) -> None:
    for value in (b"sk-1", b"sk-1", b"sk-2", b"sk-3"):
        providers.changed("openai", secret(token=value))
        providers.credentials(asked())
    assert key_of(tmp_path) == "sk-3"
    assert sorted(file.read_text() for file in tmp_path.glob("key.*")) == ["sk-2", "sk-3"], (
        "Envoy may be reading the last"
    )


def test_a_key_that_is_taken_away_is_in_no_file(providers: Providers, tmp_path: Path) -> None:
    for said in (secret(token=b"sk-1"), None, secret(token=b"sk-2"), secret(token=b"")):
        providers.changed("openai", said)
        providers.credentials(asked())
    assert list(tmp_path.glob("key.*")) == []
    providers.changed("openai", secret(token=b"sk-3"))
    assert providers.credentials(asked()).reach("hosted")
    assert key_of(tmp_path) == "sk-3"


def test_certificates(providers: Providers, tmp_path: Path) -> None:
    pem = Authority(tmp_path / "authority").pem
    wanted = asked(key=None, ca=CA)
    providers.changed("ca", secret(ca_crt=pem))
    file = providers.credentials(wanted).authorities["hosted"]
    assert Path(file).read_bytes() == pem
    providers.changed("ca", secret(ca_crt=b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"))
    assert not providers.credentials(wanted).reach("hosted")
    assert providers.problems(wanted) == ("Secret 'ca': entry 'ca.crt' has no certificates in PEM",)


def test_the_machines_own(providers: Providers) -> None:
    file = providers.credentials(asked(key=None)).authorities[""]
    assert Path(file).read_bytes() == machines()
    assert b"BEGIN CERTIFICATE" in machines()


def test_only_what_is_named() -> None:
    assert named_secrets(asked(ca=CA)) == {"openai", "ca"}
    assert named_secrets(asked(key=None)) == frozenset()


LOGIN = SecretEntry(secret="egress", entry="login")


def through(credentials: SecretEntry | None = LOGIN) -> RouterConfig:
    """The provider behind a proxy."""
    made = asked()
    proxy = Proxy(host="proxy.example.com", port=3128, credentials=credentials)
    external = made.destinations[0].external
    assert external
    behind = external.model_copy(update={"proxy": proxy})
    return made.model_copy(update={"destinations": (made.destinations[0].model_copy(update={"external": behind}),)})


def test_what_a_proxy_is_shown(providers: Providers, tmp_path: Path) -> None:
    providers.changed("openai", secret(token=b"sk-1"))
    providers.changed("egress", secret(login=b"me:pass word\n"))
    assert named_secrets(through()) == {"openai", "egress"}
    assert providers.credentials(through()).reach("hosted")
    [file] = (tmp_path / "proxies").iterdir()
    assert file.read_bytes() == b"Basic " + base64.b64encode(b"me:pass word")
    assert oct(file.parent.stat().st_mode)[-3:] == "700"
    providers.changed("egress", None)
    assert not providers.credentials(through()).reach("hosted")
    assert (file.read_bytes(), providers.problems(through())) == (b"", ("Secret 'egress' does not exist",))


@pytest.mark.parametrize("value", [b"", b"me", b":secret", b"me:\xc3\xa9", b"me:a\nb"])
def test_what_is_no_user_and_password(providers: Providers, value: bytes) -> None:
    providers.changed("openai", secret(token=b"sk-1"))
    providers.changed("egress", secret(login=value))
    assert not providers.credentials(through()).reach("hosted")
    assert providers.problems(through()) == ("Secret 'egress': entry 'login' is not USER:PASSWORD in printable ASCII",)


def test_a_key_that_is_not_taken(providers: Providers) -> None:
    """It is told until the provider answers, or the Secret is another one; it is asked all the same."""
    said = ("backend 'hosted': the provider answers 401 to entry 'token' of Secret 'openai'",)
    providers.changed("openai", secret(token=b"sk-1"))
    good = replace(GOOD, destination="hosted")
    ends: tuple[Callable[[], None], ...] = (
        lambda: providers.heard(good),
        lambda: providers.changed("openai", secret(token=b"sk-2")),
    )
    for end in ends:
        providers.heard(replace(good, status=502, refused="hosted"))
        for other in (replace(good, destination="a.r1"), replace(good, status=503), replace(good, of_engine=False)):
            providers.heard(other)
        assert providers.problems(asked()) == said
        assert providers.credentials(asked()).reach("hosted")
        end()
        assert providers.problems(asked()) == ()
