"""What stands under which name in the store."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from tidegate.contract.cache import Semantic

TAG: Final = "tg"


class Names:
    """Of one tier of one policy. They have one hash tag, so that one script may touch them all."""

    def __init__(self, scope: str, cache: str) -> None:
        """`scope` is the policy's namespace and name."""
        tag = f"{{{TAG}:{scope}/{cache}}}"
        self.answers = f"{tag}:answer:".encode()
        """What the names of answers begin with; then comes the key."""
        self.index = f"{tag}:index"
        """Keys in the order in which they run out."""
        self.sizes = f"{tag}:sizes"
        """Of each key its size and what is known of it (`listing.py`), and `total`."""
        self.feed = f"{tag}:feed"
        """What routers tell each other."""
        self.told = f"{tag}:told"
        """How much that was."""

        self._standing = f"{tag}:standing:"

    def standing(self, settings: Semantic) -> str:
        """Whether similar questions are answered, with these settings: with others it is to be seen anew."""
        said = settings.model_dump_json(exclude_defaults=True)
        return self._standing + blake2b(said.encode(), digest_size=8).hexdigest()

    def answer(self, key: bytes) -> bytes:
        """Of one answer."""
        return self.answers + key
