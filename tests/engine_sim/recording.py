"""Compares an answer with a recording: same names, order, types and constants; what must differ may differ."""

import json
import re
from pathlib import Path
from typing import Any

from tests.engine_sim.support import Response

VARYING = {
    "id", "item_id", "created", "created_at", "content", "text", "delta", "embedding", "tokens", "count",
    "system_fingerprint", "prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens",
    "sequence_number",
}  # fmt: skip
"""Keys whose values vary from answer to answer where they are numbers, texts or lists of them; their types do not."""

_PATTERNS = {
    "id": r"^(chatcmpl|cmpl|embd|resp|msg|modelperm)[-_][0-9a-f]{16}$",
    "system_fingerprint": r"^vllm-0\.32\.0-[0-9a-f]{8}$",
}
_VARYING_HEADERS = {"date": r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$", "content-length": r"^\d+$"}


def load(path: Path) -> Response:
    """A recorded answer."""
    head, _, body = path.read_bytes().partition(b"\n\n" if b"\r\n\r\n" not in path.read_bytes() else b"\r\n\r\n")
    status_line, *lines = head.decode().replace("\r\n", "\n").split("\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return Response(int(status_line.split()[1]), status_line, headers, body)


def shape(value: Any, key: str = "") -> Any:
    """A value with what varies replaced by its type, or by the pattern it must have. Order of keys is kept."""
    if isinstance(value, dict):
        return [(name, shape(part, name)) for name, part in value.items()]
    if isinstance(value, list):
        parts = [shape(part, key) for part in value]
        return [*dict.fromkeys(map(json.dumps, parts))] if key in VARYING else parts
    if key in VARYING and value is not None:
        pattern = _PATTERNS.get(key, "")
        prefix = re.match(r"[a-z]+", value) if key == "id" else None
        assert isinstance(value, str) or not pattern
        return type(value).__name__, bool(re.match(pattern, str(value))), prefix and prefix.group()
    return value


def header_shape(headers: list[tuple[str, str]]) -> list[tuple[str, object]]:
    """Headers with varying values replaced by whether they look right."""
    shaped: list[tuple[str, object]] = []
    for name, value in headers:
        if name in _VARYING_HEADERS:
            shaped.append((name, bool(re.match(_VARYING_HEADERS[name], value))))
        else:
            shaped.append((name, re.sub(r"\d+\.\d+(e-\d+)?", "0.0", value)))
    return shaped


def body_shape(response: Response) -> Any:
    """The shape of a JSON body, or of a stream: its lines, where like ones follow each other only once."""
    if "event-stream" not in (response.header("content-type") or ""):
        return shape(response.json())
    shapes: list[Any] = []
    for line in response.body.decode().split("\n"):
        field, _, data = line.partition(": ")
        one = (field, shape(json.loads(data)) if field == "data" and data != "[DONE]" else data)
        shapes.append(one)
    return _collapsed(["\n".join(map(str, event)) for event in _events(shapes)])


def _events(lines: list[Any]) -> list[list[Any]]:
    """Lines grouped into events, which end with an empty line."""
    events: list[list[Any]] = [[]]
    for line in lines:
        if line == ("", ""):
            events.append([])
        else:
            events[-1].append(line)
    return [event for event in events if event]


def _collapsed(events: list[str]) -> list[str]:
    return [event for index, event in enumerate(events) if index == 0 or event != events[index - 1]]
