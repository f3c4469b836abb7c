"""URLs of stores that Sentinels watch."""

from __future__ import annotations

import pytest

from tidegate.contract.sentinels import Sentinels, read, watched


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("redis+sentinel://a:1,b/shop", Sentinels((("a", 1), ("b", 26379)), "shop")),
        ("rediss+sentinel://u:p%40%2F@[::1]:1/shop/2", Sentinels((("::1", 1),), "shop", "u", "p@/", 2, tls=True)),
        ("redis+sentinel://:p@a/shop/", Sentinels((("a", 26379),), "shop", "", "p")),
    ],
)
def test_what_they_say(url: str, known: Sentinels) -> None:
    assert watched(url)
    assert read(url) == known
    assert "p@/" not in repr(known)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a", "redis+sentinel:///shop", "redis+sentinel://a,/shop", "redis+sentinel://a:x/shop", "redis+sentinel://a/shop/x",
        "redis+sentinel://:secret/word@a/shop", "redis+sentinel://:secret#word@a/shop", "redis+sentinel://:secret@a..b/shop",
    ],
)  # fmt: skip
def test_what_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="no ") as error:
        read(url)
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


def test_others() -> None:
    assert not watched("redis://a/0")
    assert Sentinels((("a", 1), ("b", 2)), "shop").said == "shop of a:1, b:2"
