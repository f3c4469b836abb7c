"""Which answers somebody means: those of a tenant, of a model, of a revision, to a question."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from tidegate.brain.cache.entry import Entry, Kind


def question_digest(text: str) -> bytes:
    """16 bytes that stand for a question: an index knows it by them, and not its words."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()


class About(NamedTuple):
    """What is known of an answer without reading it."""

    kind: str
    tenant: str
    model: str
    backend: str
    revision: str
    question: bytes
    """`question_digest`."""


def about(entry: Entry) -> About:
    """Of an answer."""
    return About(entry.kind, entry.tenant, entry.model, entry.backend, entry.revision, question_digest(entry.question))


class Match(NamedTuple):
    """What is not said may be anything: of nothing at all, every answer. Fields as of About."""

    kind: Kind | None = None
    tenant: str | None = None
    model: str | None = None
    backend: str | None = None
    revision: str | None = None
    question: bytes | None = None

    def fits(self, found: About) -> bool:
        """Whether it is one of those."""
        return all(wanted is None or wanted == known for wanted, known in zip(self, found, strict=True))

    def means(self, entry: Entry) -> bool:
        """The same of an answer. A digest takes longer than all the rest, and a router may have a hundred thousand answers."""
        *words, question = self
        known = (entry.kind, entry.tenant, entry.model, entry.backend, entry.revision)
        return all(wanted is None or wanted == said for wanted, said in zip(words, known, strict=True)) and (
            question is None or question == question_digest(entry.question)
        )
