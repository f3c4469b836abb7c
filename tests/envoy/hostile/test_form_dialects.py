"""How programs of many languages write the same form; only the model's name is another one when it reaches the engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.envoy.hostile.conftest import Front
from tests.envoy.hostile.test_bodies import MIB
from tests.envoy.hostile.wire import CHUNKED, ask, chunked, request

pytestmark = pytest.mark.envoy
AUDIO = "/v1/audio/transcriptions"
SOUND = b"RIFF\0\xff\r\n--\r\n\r\n" * 1_000
FIELD = b'Content-Disposition: form-data; name="model"'
FILE = b'Content-Disposition: form-data; name="file"; filename="model"\r\nContent-Type: audio/wav'


def written(boundary: bytes, *parts: tuple[bytes, bytes]) -> bytes:
    """A form of heads and contents."""
    return b"".join(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, *part) for part in parts) + b"--%b--\r\n" % boundary


GO = b"a b'()+_,-./:=?c"
WEBKIT = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
MIXED = b"Content-Disposition: form-data; name=more\r\nContent-Type: multipart/mixed; boundary=y"
BINARY = b"\r\nContent-Transfer-Encoding: binary"
DOTNET = (
    b"Content-Type: audio/wav\r\nContent-Disposition: form-data; name=file; filename=a.wav; filename*=utf-8''%C3%A4.wav"
)

FORMS: dict[str, tuple[bytes, bytes]] = {
    "a browser": (b"boundary=" + WEBKIT, written(WEBKIT, (FILE, SOUND), (FIELD, b"chat"))),
    "Go, with every letter that a boundary may have": (b'boundary="%b"' % GO, written(GO, (FIELD, b"chat"), (FILE, SOUND))),
    "a boundary of 70 letters": (b"boundary=" + b"b" * 70, written(b"b" * 70, (FILE, SOUND), (FIELD, b"chat"))),
    ".NET": (b'boundary="d-1"', written(b"d-1", (DOTNET, SOUND), (b"Content-Disposition: form-data; name=model", b"chat"))),
    "Apache's client": (b"boundary=x", written(b"x", (FIELD + b"\r\nContent-Type: text/plain; charset=UTF-8" + BINARY, b"chat"))),
    "OkHttp": (b"boundary=x", written(b"x", (FIELD + b"\r\nContent-Length: 4", b"chat"), (FILE, SOUND))),
    "Python's email, folded": (b'\r\n boundary="=="', written(b"==", (b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset="us-ascii"\r\n' + FIELD, b"chat"))),
    "curl, with a file in base64": (b"boundary=x", written(b"x", (FILE + b"\r\nContent-Transfer-Encoding: base64", b"UklGRg==\r\n"), (FIELD, b"chat"))),
    "a form within the form": (b"boundary=x", written(b"x", (MIXED, written(b"y", (FIELD, b"chat-2"))), (FIELD, b"chat"))),
    "the model after 15 MiB": (b"boundary=x", written(b"x", (FILE, b"\r\n--" * (15 * MIB // 4)), (FIELD, b"chat"))),
    "the model before 15 MiB": (b"boundary=x", written(b"x", (FIELD, b"chat"), (FILE, b"\r\n--" * (15 * MIB // 4)))),
}  # fmt: skip


def sent(kind: bytes, body: bytes) -> Iterator[bytes]:
    """At once, and in pieces."""
    said = b"Content-Type: multipart/form-data; " + kind
    yield request(body, said, path=AUDIO)
    pieces = [body[at : at + (1 << 16)] for at in range(0, len(body), 1 << 16)]
    yield request(chunked(*pieces), said, CHUNKED, path=AUDIO, length=False)


@pytest.mark.parametrize("dialect", FORMS)
def test_the_model_is_found_and_nothing_else_is_touched(front: Front, dialect: str) -> None:
    kind, body = FORMS[dialect]
    for data in sent(kind, body):
        assert ask(front.port, data).status == 200
        at = body.index(b"\r\n\r\nchat\r\n") + 4
        assert front.arrived() == [("a", body[:at] + b"served-a" + body[at + 4 :])]
        front.engine().requests.clear()
