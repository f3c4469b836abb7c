"""A client without manners: bytes as they are, on a socket; what comes back is read strictly."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any

import httptools

CHAT = "/v1/chat/completions"
HELLO = b'{"model":"chat"}'
PATIENCE = 10.0
"""Seconds until an answer that was expected counts as missing."""


def request(
    body: bytes = HELLO,
    *headers: bytes,
    method: str = "POST",
    path: str | bytes = CHAT,
    version: str = "HTTP/1.1",
    length: bool = True,
) -> bytes:
    """One request; `headers` are whole lines. `length` adds Content-Length."""
    target = path if isinstance(path, bytes) else path.encode()
    lines = [method.encode() + b" " + target + b" " + version.encode(), b"Host: router", *headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A body of chunks; goes with CHUNKED."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


CHUNKED = b"Transfer-Encoding: chunked"


@dataclass
class Answer:
    """One response."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def error(self) -> dict[str, Any]:
        """The error of an answer, whose shape is checked: OpenAI's, or Anthropic's with the status as its code."""
        assert self.headers.get("content-type") == "application/json", (self.status, self.headers, self.body[:200])
        said = json.loads(self.body)
        error: dict[str, Any] = said.pop("error")
        if said:
            assert said == {"type": "error", "request_id": self.headers.get("x-request-id")}
            error |= {"param": None, "code": self.status}
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["code"] == self.status
        assert isinstance(error["message"], str)
        assert error["message"]
        assert isinstance(error["type"], str)
        return error


class _Reader:
    """httptools' callbacks; raises on anything that is no HTTP."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self._now = Answer()
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._now = Answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode().lower()
        assert key not in self._now.headers, f"{key} twice"
        self._now.headers[key] = value.decode()

    def on_headers_complete(self) -> None:
        self._now.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self._now.body += data

    def on_message_complete(self) -> None:
        self.answers.append(self._now)


class Wire:
    """One connection."""

    def __init__(self, port: int, patience: float = PATIENCE) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self._patience = patience
        self._reader = _Reader()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """False when the other side has closed meanwhile."""
        try:
            self.socket.settimeout(self._patience)
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def receive(self, answers: int = 1) -> list[Answer]:
        """All answers so far: at least as many as asked for, fewer only if the other side has closed."""
        deadline = time.monotonic() + self._patience
        while len(self._reader.answers) < answers:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                break
            if not data:
                break
            self._reader.feed(data)
        return self._reader.answers


def exchange(port: int, data: bytes, answers: int = 1) -> list[Answer]:
    """What a new connection is answered."""
    with Wire(port) as wire:
        wire.send(data)
        return wire.receive(answers)


def ask(port: int, data: bytes) -> Answer:
    """The one answer to one request."""
    answers = exchange(port, data)
    assert len(answers) == 1, (data[:200], answers)
    return answers[0]
