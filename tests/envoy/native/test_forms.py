"""Audio comes in forms: the field `model` is routed on, and the engine's own name put in."""

from __future__ import annotations

import httpx
import pytest

from tests.envoy.conftest import Engines, RealEnvoy, config
from tests.envoy.hostile.wire import ask, request

pytestmark = pytest.mark.envoy

TRANSCRIPTIONS = "/v1/audio/transcriptions"
AUDIO = bytes(range(256)) * 4000 + b"\r\n--\r\n--boundary"


@pytest.mark.parametrize("path", [TRANSCRIPTIONS, "/v1/audio/translations", TRANSCRIPTIONS + "/"])
def test_a_form_reaches_its_engine(envoy: RealEnvoy, engines: Engines, path: str) -> None:
    engine = engines.start()
    envoy.offer(config({"whisper": {"a": 1}}), {"a": [engine]})
    for fields in ({"model": "whisper", "language": "en"}, {"language": "en", "model": "whisper"}):
        made = httpx.Request("POST", f"{envoy.url}{path}", data=fields, files={"file": ("a.mp3", AUDIO, "audio/mpeg")})
        answer = envoy.client.send(made)
        assert (answer.status_code, answer.json()["path"]) == (200, path.rstrip("/"))
        assert engine.bodies.pop() == made.read().replace(b"\r\n\r\nwhisper\r\n", b"\r\n\r\nserved-a\r\n")


def field(name: str, value: str) -> str:
    """One part."""
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


MODEL = field("model", "whisper")
FORM, MULTIPART = "multipart/form-data; boundary=XX", "must be multipart/form-data"
REFUSED: dict[str, tuple[str, str, int, str]] = {
    "no model": (FORM, field("language", "en") + "--XX--", 400, "model parameter"),
    "two": (FORM, MODEL + MODEL + "--XX--", 400, "twice"),
    "another": (FORM, field("model", "other") + "--XX--", 404, "does not exist"),
    "a line more": (FORM, field("model", "whisper\r\nx-tidegate-model: whisper") + "--XX--", 404, "does not exist"),
    "no end": (FORM, MODEL, 400, "boundary"),
    "another boundary": (FORM, MODEL.replace("XX", "YY") + "--YY--", 400, "boundary"),
    "a file": (FORM, MODEL.replace('model"', 'model"; filename="a"') + "--XX--", 400, "must be text"),
    "two names": (FORM, MODEL.replace('model"', 'model"; name="x"') + "--XX--", 400, "plain name"),
    "JSON": ("application/json", '{"model":"whisper"}', 400, MULTIPART),
    "no boundary": ("multipart/form-data", MODEL + "--XX--", 400, MULTIPART),
    "nothing": (FORM, "", 400, MULTIPART),
}


def test_wrong_forms_are_refused(envoy: RealEnvoy, engines: Engines) -> None:
    engine = engines.start()
    envoy.offer(config({"whisper": {"a": 1}}), {"a": [engine]})
    for name, (kind, body, status, message) in REFUSED.items():
        answer = ask(envoy.port, request(body.encode(), f"Content-Type: {kind}".encode(), path=TRANSCRIPTIONS))
        assert (answer.status, message in answer.error()["message"]) == (status, True), (name, answer)
    assert engine.bodies == []
