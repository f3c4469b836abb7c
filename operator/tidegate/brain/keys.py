"""Clients' keys, from Secrets to digests. A key itself leaves this file in no other form, and is in no message.

an entry                                      then
-------------------------------------------   ---------------------------------------------------
1 to 4096 printable ASCII characters, no      its client is let in; one line end behind it does not
  spaces                                        count
empty, longer, or with others in it           lets nobody in, and is told
the key of another client, in any Secret      lets neither of them in, and is told
the same client with the same key again       once
a Secret that is not there, or has no         lets nobody in, and is told
  entries
a Secret that was not read yet                as before, when an earlier brain of the Pod has read it; else
                                                nobody is told that a key is wrong (503 instead of 401)
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from tidegate.envoy.clients import NAME, Clients

LONGEST: Final = 4096
"""Bytes of a key."""
KEY: Final = re.compile(rb"[\x21-\x7e]+")


@dataclass(frozen=True)
class Entries:
    """What a Secret says of keys."""

    digests: Mapping[str, str]
    """SHA-256 of a key, in hexadecimal digits, by client."""
    problems: tuple[str, ...] = ()
    """Sentences about what in it lets nobody in."""


def entries(name: str, secret: Mapping[str, Any] | None) -> Entries:
    """Of the Secret of this name; None is one that is not there."""
    if secret is None:
        return Entries({}, (f"Secret {name!r} does not exist",))
    digests, problems = {}, []
    for client, value in sorted((secret.get("data") or {}).items()):
        key = shown(base64.b64decode(value or ""))
        wrong = flaw(key) if NAME.fullmatch(client) else "is no client's id"
        if wrong:
            problems.append(f"Secret {name!r}: entry {client!r} {wrong}")
        else:
            digests[client] = hashlib.sha256(key).hexdigest()
    return Entries(digests, tuple(problems) if digests or problems else (f"Secret {name!r} has no entries",))


def shown(entry: bytes) -> bytes:
    """A key as it is shown: without the line end that files have."""
    return entry.removesuffix(b"\n").removesuffix(b"\r")


def flaw(key: bytes) -> str:
    """Why it is none; empty when it is one."""
    if not key:
        return "is empty"
    if len(key) > LONGEST:
        return f"is longer than {LONGEST} bytes"
    return "" if KEY.fullmatch(key) else "has other characters than printable ASCII without spaces"


def written(known: Mapping[str, Entries]) -> str:
    """What a brain that comes after this one goes on with."""
    return json.dumps({name: asdict(found) for name, found in known.items()})


def read(text: str, named: Iterable[str]) -> dict[str, Entries]:
    """The same of these Secrets, as far as an earlier brain has read them, and its words can be read."""
    try:
        known = json.loads(text)
    except ValueError:
        return {}
    return {name: Entries(known[name]["digests"], tuple(known[name]["problems"])) for name in named if name in known}


def together(named: Iterable[str], known: Mapping[str, Entries]) -> tuple[Clients, tuple[str, ...]]:
    """The clients of these Secrets, and sentences about what lets nobody in."""
    found: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    unread = False
    for name in named:
        if name not in known:
            unread = True
            problems.append(f"Secret {name!r} was not read yet")
            continue
        problems += known[name].problems
        for client, digest in known[name].digests.items():
            found.setdefault(digest, {})[client] = name
    problems += (_shared(clients) for clients in found.values() if len(clients) > 1)
    by_digest = {digest: next(iter(clients)) for digest, clients in found.items() if len(clients) == 1}
    return Clients(by_digest, unread), tuple(problems)


def _shared(clients: Mapping[str, str]) -> str:
    said = " and ".join(f"entry {client!r} of Secret {secret!r}" for client, secret in sorted(clients.items()))
    return f"{said} have the same key, which lets none of them in"
