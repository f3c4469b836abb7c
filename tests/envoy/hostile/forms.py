"""Forms as vLLM's server reads them: Starlette, on python-multipart."""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

KIND = b"Content-Type: multipart/form-data; boundary=x"


@dataclass
class _Part:
    disposition: bytes = b""
    name: bytes = b""
    value: bytes = b""


@dataclass
class _Reader:
    """python-multipart's callbacks."""

    parts: list[_Part] = field(default_factory=list)
    now: _Part = field(default_factory=_Part)
    ended: bool = False

    def begin(self) -> None:
        self.now = _Part()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self.now.name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self.now.value += data[start:end]

    def header_end(self) -> None:
        if self.now.name.lower() == b"content-disposition":
            self.now.disposition = self.now.value
        self.now.name = self.now.value = b""

    def data(self, data: bytes, start: int, end: int) -> None:
        self.now.value += data[start:end]

    def end(self) -> None:
        self.parts.append(self.now)

    def finish(self) -> None:
        self.ended = True


def fields(content_type: bytes, body: bytes) -> dict[str, bytes | None] | None:
    """Values by name, the last of a name; None for a file. None where the server refuses the form."""
    reader = _Reader()
    _, options = parse_options_header(content_type)
    try:
        parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": reader.begin,
                "on_header_field": reader.header_name,
                "on_header_value": reader.header_value,
                "on_header_end": reader.header_end,
                "on_part_data": reader.data,
                "on_part_end": reader.end,
                "on_end": reader.finish,
            },
        )
        parser.write(body)
    except (FormParserError, KeyError):
        return None
    found: dict[str, bytes | None] = {}
    for part in reader.parts:
        _, said = parse_options_header(part.disposition)
        if b"name" not in said:
            return None
        found[said[b"name"].decode("latin-1")] = None if b"filename" in said else part.value
    return found if reader.ended else None


def part(name: str, value: bytes = b"", *lines: bytes, after: bytes = b"") -> bytes:
    """One part of a form whose boundary is x."""
    head = b"\r\n".join([b'Content-Disposition: form-data; name="%s"%s' % (name.encode(), after), *lines])
    return b"--x\r\n" + head + b"\r\n\r\n" + value + b"\r\n"


def form(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    """A body; goes with KIND."""
    return b"".join(parts) + end


FILE = part("file", b"RIFF\0\0\0\0WAVE\r\n--y\r\n\xff\xfe", b"Content-Type: audio/wav", after=b'; filename="any.wav"')
MODEL = part("model", b"chat")
