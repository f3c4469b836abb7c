"""What a request only points at: pictures, films, sounds and files that stand elsewhere. There they may change, or end, while the request stays
the same to the byte.

a member of what is said                                       stands elsewhere
------------------------------------------------------------   ----------------
`url`, `image_url`, `file_url`, ... that is no `data:` URL     yes
`file_id`, and `uuid`, by which vLLM knows what it was sent    yes
what a call of a tool hands over, and where words are from     no: it is said
  (`input`, `annotations`, `citations`)

https://platform.openai.com/docs/guides/images-vision, https://docs.anthropic.com/en/docs/build-with-claude/vision,
https://docs.vllm.ai/en/v0.32.0/features/multimodal_inputs.html
"""

from __future__ import annotations

from typing import Any, Final

NAMES: Final = frozenset({"file_id", "uuid"})
SAID: Final = frozenset({"input", "annotations", "citations"})
HERE: Final = "data:"


def points_elsewhere(said: Any) -> bool:
    """A turn, an item, a part of one, or a list of them; nested no deeper than depth.py lets it be."""
    if isinstance(said, list):
        return any(map(points_elsewhere, said))
    return isinstance(said, dict) and any(_is_pointer(*each) for each in said.items() if each[0] not in SAID)


def _is_pointer(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return name in NAMES or (name.endswith("url") and not value.startswith(HERE))
    return points_elsewhere(value)
