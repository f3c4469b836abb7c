"""Secrets as clients: each row of the table, and no key in any word."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.brain.keys import LONGEST, Entries, entries, read, together, written

EMPTY = Entries({})


def secret(**data: bytes | None) -> dict[str, Any]:
    """As the API server gives it."""
    return {"data": {name: None if value is None else base64.b64encode(value).decode() for name, value in data.items()}}


def digest(key: bytes) -> str:
    """What stands for it."""
    return hashlib.sha256(key).hexdigest()


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        (b"k", ""),
        (bytes(range(0x21, 0x7F)), ""),
        (b"k" * LONGEST, ""),
        (b"k\n", ""),
        (b"k\r\n", ""),
        (b"", "is empty"),
        (None, "is empty"),
        (b"\n", "is empty"),
        (b"k" * (LONGEST + 1), "is longer than 4096 bytes"),
        (b"two words", "has other characters than printable ASCII without spaces"),
        (b" k", "has other characters"),
        (b"k\n\n", "has other characters"),
        (b"k\0", "has other characters"),
        ("clé".encode(), "has other characters"),
        (b"\xff\xfe", "has other characters"),
    ],
)
def test_an_entry(key: bytes | None, wrong: str) -> None:
    found = entries("keys", secret(acme=key))
    if wrong:
        assert found.digests == {}
        assert found.problems[0].startswith(f"Secret 'keys': entry 'acme' {wrong}")
    else:
        assert found == Entries({"acme": digest((key or b"").rstrip())})


def test_one_that_is_wrong_leaves_the_others() -> None:
    found = entries("keys", secret(acme=b"one", globex=b"", initech=b"two"))
    assert found.digests == {"acme": digest(b"one"), "initech": digest(b"two")}
    assert found.problems == ("Secret 'keys': entry 'globex' is empty",)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (None, "Secret 'keys' does not exist"),
        ({}, "Secret 'keys' has no entries"),
        ({"data": None}, "Secret 'keys' has no entries"),
    ],
)
def test_a_secret_that_says_nothing(found: dict[str, Any] | None, says: str) -> None:
    assert entries("keys", found) == Entries({}, (says,))


ONE, TWO = entries("one", secret(acme=b"a", globex=b"g")), entries("two", secret(acme=b"new", initech=b"i"))


def test_several_secrets() -> None:
    clients, problems = together(["one", "two"], {"one": ONE, "two": TWO, "three": EMPTY})
    assert clients.by_digest == {
        digest(b"a"): "acme",
        digest(b"g"): "globex",
        digest(b"new"): "acme",
        digest(b"i"): "initech",
    }
    assert (clients.unread, problems) == (False, ())


def test_one_that_was_not_read_yet() -> None:
    clients, problems = together(["one", "two"], {"one": ONE})
    assert (set(clients.by_digest.values()), clients.unread) == ({"acme", "globex"}, True)
    assert problems == ("Secret 'two' was not read yet",)


def test_two_clients_with_one_key() -> None:
    other = entries("two", secret(mallory=b"a", initech=b"i"))
    clients, problems = together(["one", "two"], {"one": ONE, "two": other})
    assert set(clients.by_digest.values()) == {"globex", "initech"}
    assert problems == (
        "entry 'acme' of Secret 'one' and entry 'mallory' of Secret 'two' have the same key, which lets none of them in",
    )


def test_a_client_with_one_key_twice() -> None:
    clients, problems = together(["one", "two"], {"one": ONE, "two": entries("two", secret(acme=b"a"))})
    assert (clients.by_digest[digest(b"a")], problems) == ("acme", ())


@given(st.dictionaries(st.from_regex(r"\A[-._a-zA-Z0-9]{1,9}\Z"), st.binary(max_size=40), max_size=6))
def test_no_key_is_in_any_word(data: dict[str, bytes]) -> None:
    long = {name: b"PRIVATE" + value for name, value in data.items()}
    found = entries("keys", secret(**long))
    clients, problems = together(["keys"], {"keys": found})
    said = repr((found, clients, problems, clients.lines)) + written({"keys": found})
    assert "PRIVATE" not in said
    assert base64.b64encode(b"PRIVAT").decode() not in said


def test_a_brain_goes_on_with_what_another_has_read() -> None:
    text = written({"one": ONE, "none": entries("none", None)})
    assert read(text, ["one", "none", "two"]) == {"one": ONE, "none": Entries({}, ("Secret 'none' does not exist",))}
    assert [read(broken, ["one"]) for broken in ("", "{", "{}")] == [{}] * 3
