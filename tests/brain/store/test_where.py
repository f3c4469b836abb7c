"""How to get in, from what Secrets say."""

from __future__ import annotations

import pytest

from tests.brain.store.support import secret
from tidegate.brain.store.where import Unusable, Where, where
from tidegate.contract.limits import Store


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://h", Where("h", 6379)),
        ("redis://:p%40%2F@h:1/2\n", Where("h", 1, "", "p@/", 2)),
        ("rediss://u:p@[::1]:1/", Where("::1", 1, "u", "p", 0, tls=True)),
        ("http://h", None),
        ("redis://:secret@", None),
        ("redis://:secret@h:port", None),
        ("redis://:secret@h/x", None),
        ("secret", None),
        ("redis://:secret@h..example", None),
        ("redis://:secret@" + "h" * 64, None),
    ],
)
def test_urls(url: str, found: Where | None) -> None:
    store = Store(secret="s", key="url")
    if found:
        assert where(store, {"s": secret(url=url)}) == found
        assert found.said in ("h:6379", "h:1", "[::1]:1")
        assert "password" not in repr(found)
        return
    with pytest.raises(Unusable, match="the URL in the Secret cannot be read") as error:
        where(store, {"s": secret(url=url)})
    assert "secret@" not in repr(error.value)
    assert error.value.__cause__ is None


def test_what_is_missing_and_certificates() -> None:
    store = Store(secret="s", key="url", ca_secret="c", ca_key="ca.crt")
    for known, says in (({}, "not read"), ({"s": None}, "does not exist"), ({"s": secret(x="y")}, "no key 'url'")):
        with pytest.raises(Unusable, match=says):
            where(store, {"c": secret(**{"ca.crt": "PEM"}), **known})
    with pytest.raises(Unusable, match="the certificate authority cannot be read"):
        where(store, {"s": secret(url="rediss://h"), "c": secret(**{"ca.crt": "PEM"})}).context()
    assert Where("h", 1).context() is None
    assert Where("h", 1, tls=True).context()


@pytest.mark.parametrize(
    ("url", "said"), [("rediss+sentinel://:p@a:1,b/shop/2", "shop of a:1, b:26379"), ("redis+sentinel://:secret@a", "")]
)
def test_sentinels(url: str, said: str) -> None:
    store, known = Store(secret="s", key="url"), {"s": secret(url=url)}
    if said:
        found = where(store, known)
        assert (found.said, found.password, found.database, found.tls) == (said, "p", 2, True)
        assert found.context()
        return
    with pytest.raises(Unusable, match="cannot be read"):
        where(store, known)
