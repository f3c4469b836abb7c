"""What a request points at, by each row of the table."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.brain.cache.bypass import why_not

HERE, THERE = "data:image/png;base64,iVBO", "https://example.org/camera.png"


@pytest.mark.parametrize(
    ("part", "elsewhere"),
    [
        ({"type": "text", "text": THERE}, False),
        ({"type": "image_url", "image_url": {"url": HERE}}, False),
        ({"type": "image_url", "image_url": {"url": THERE}}, True),
        ({"type": "image_url", "image_url": THERE}, True),
        ({"type": "image_url", "image_url": {"url": "file:///srv/camera.png"}}, True),
        ({"image_url": THERE}, True),
        ({"type": "video_url", "video_url": {"url": THERE}}, True),
        ({"type": "audio_url", "audio_url": {"url": HERE}}, False),
        ({"type": "image_url", "image_url": None, "uuid": "camera"}, True),
        ({"type": "file", "file": {"file_id": "file-1"}}, True),
        ({"type": "file", "file": {"file_data": HERE}}, False),
        ({"type": "image_url", "image_url": {"url": ["x"]}}, False),
    ],
)
def test_a_part_of_a_chat(part: Any, elsewhere: bool) -> None:
    body: Any = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Who is there?"}, part]}]}
    assert why_not("chat", body, 1.0) == ("live" if elsewhere else "")


def test_what_a_call_hands_over_is_said() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": f'{{"url": "{THERE}"}}'}}
    assert why_not("chat", {"messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}, 1.0) == ""
