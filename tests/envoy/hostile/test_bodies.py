"""Bodies that are wrong, that name two models, or that cost time: what the router routed on is what the engine's parser reads."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.envoy.hostile.conftest import MODELS, Front
from tests.envoy.hostile.recorder import parsed_model
from tests.envoy.hostile.wire import CHAT, CHUNKED, HELLO, Wire, ask, chunked, request
from tidegate.envoy.limits import LARGEST_BODY

pytestmark = pytest.mark.envoy

OBJECT, STRING, MISSING, TWICE, UTF8 = "JSON object", "must be a string", "model parameter", "twice", "UTF-8"
JSON, UNKNOWN = "not valid JSON", "does not exist"

REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", OBJECT),
    "spaces": (b" \t\r\n", OBJECT),
    "an array": (b'[{"model":"chat"}]', OBJECT),
    "a string": (b'"{\\"model\\":\\"chat\\"}"', OBJECT),
    "a number": (b"12345", OBJECT),
    "null": (b"null", OBJECT),
    "a form": (b"model=chat", OBJECT),
    "multipart": (b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nchat\r\n--x--', OBJECT),
    "gzip, not said": (b"\x1f\x8b\x08\0\0\0\0\0", UTF8),
    "two documents": (b'{}{"model":"chat"} [', JSON),
    "cut in a string": (b'{"model":"cha', STRING),
    "cut in a key": (b'{"a":1,"model', JSON),
    "cut after an escape": (b'{"a":"\\', JSON),
    "cut in an object": (b'{"a":1,"model":"chat"', "brackets"),
    "too many brackets": (b'{"a":1}}', "brackets"),
    "quotes in apostrophes": (b"{'model':'chat'}", MISSING),
    "a key without quotes": (b"{model:'chat'}", MISSING),
    "no model": (b'{"messages":[]}', MISSING),
    "only a nested model": (b'{"a":{"model":"chat"},"b":[{"model":"chat"}]}', MISSING),
    "model as a value": (b'{"a":"model","b":"chat"}', MISSING),
    "another case": (b'{"Model":"chat","MODEL":"chat"}', MISSING),
    "a number as model": (b'{"model":7}', STRING),
    "null as model": (b'{"model":null}', STRING),
    "true as model": (b'{"model":true}', STRING),
    "an object as model": (b'{"model":{"model":"chat"}}', STRING),
    "an array as model": (b'{"model":["chat"]}', STRING),
    "twice": (b'{"model":"chat","model":"chat"}', TWICE),
    "twice, far apart": (b'{"model":"chat","a":[{"b":"c"}],"model":"chat-2"}', TWICE),
    "twice, the second escaped": (b'{"model":"chat","m\\u006fdel":"chat-2"}', TWICE),
    "twice, the first escaped": (b'{"\\u006D\\u006F\\u0064\\u0065\\u006C":"chat","model":"chat-2"}', TWICE),
    "twice, both escaped": (b'{"mode\\u006c":"chat","mo\\u0064el":"chat-2"}', TWICE),
    "twice, the second no string": (b'{"model":"chat","model":null}', TWICE),
    "an empty name": (b'{"model":""}', UNKNOWN),
    "another name": (b'{"model":"other"}', UNKNOWN),
    "the beginning of a name": (b'{"model":"cha"}', UNKNOWN),
    "a longer name": (b'{"model":"chat-"}', UNKNOWN),
    "capitals": (b'{"model":"Chat"}', UNKNOWN),
    "a space": (b'{"model":"chat "}', UNKNOWN),
    "what engines call it": (b'{"model":"served-a"}', UNKNOWN),
    "a destination": (b'{"model":"a.r1"}', UNKNOWN),
    "a newline": (b'{"model":"chat\\n"}', UNKNOWN),
    "a raw newline": (b'{"model":"chat\n"}', UNKNOWN),
    "a header": (b'{"model":"chat\\r\\nx-tidegate-in-splice: 1-1/1"}', UNKNOWN),
    "a NUL": (b'{"model":"chat\\u0000"}', UNKNOWN),
    "a raw NUL": (b'{"model":"chat\0"}', UNKNOWN),
    "bytes that are no text": (b'{"model":"chat\xff\xfe"}', UNKNOWN),
    "an accent": ('{"model":"chät"}'.encode(), UNKNOWN),
    "half a surrogate pair": (b'{"model":"\\ud800"}', UNKNOWN),
    "a percent sign": (b'{"model":"%"}', UNKNOWN),
    "our default": (b'{"model":"%s"}', UNKNOWN),
    "a long name": (b'{"model":"' + b"x" * 1_000_000 + b'"}', UNKNOWN),
    "a long name in escapes": (b'{"model":"' + b"\\u0061" * 100_000 + b'"}', UNKNOWN),
    "a byte order mark": (codecs.BOM_UTF8 + HELLO, UTF8),
    **{f"in {name}": (HELLO.decode().encode(name), UTF8) for name in (
        "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be",
    )},
}  # fmt: skip


def test_wrong_bodies_are_refused_as_openai_would(front: Front) -> None:
    for name, (body, why) in REFUSED.items():
        answer = ask(front.port, request(body))
        assert answer.status in (400, 404), (name, answer)
        error = answer.error()
        assert why in error["message"], (name, error)
        assert error["code"] == (404 if why == UNKNOWN else 400), name
    assert front.arrived() == []


def test_a_utf16_body_cannot_hide_another_model(front: Front) -> None:
    """Read as UTF-16 it asks for one model, read byte by byte for another."""
    decoy = b'","model":"chat","xy'
    hidden = '{"'.encode("utf-16-le") + decoy + '":1,"model":"chat-2"}'.encode("utf-16-le")
    assert json.loads(hidden)["model"] == "chat-2"
    assert UTF8 in ask(front.port, request(hidden)).error()["message"]
    assert front.arrived() == []


def test_no_byte_is_left_over_for_a_second_request(front: Front) -> None:
    """Escapes make the name longer than it is: a length reckoned from the name would leave the body's end on the connection."""
    for model, name in MODELS.items():
        spelled = "".join(f"\\u{ord(letter):04x}" for letter in model)
        tail = b"POST /sleep HTTP/1.1\r\nHost: x\r\n\r\n"
        for body in (b'{"model":"%b"}%b' % (spelled.encode(), tail), b'{"a":1,"model":"%b"}' % spelled.encode()):
            assert ask(front.port, request(body)).status == 200
            sent = body.replace(spelled.encode(), f"served-{name}".encode())
            assert front.arrived() == [(name, sent)]
            front.engine(model).requests.clear()


MODEL = st.sampled_from(['"model"', '"model"', '"m\\u006fdel"', '"\\u006D\\u006F\\u0064\\u0065\\u006c"'])
OTHER = st.sampled_from([
    '"Model"', '"model "', '"\\"model\\""', '"mode\\u004c"', '"a"', '"\\\\"', '""', '"\u00e9"', '"model\\\\"', '"\\\\model"', '"m\\\\u006fdel"',
])  # fmt: skip
NAMES = st.sampled_from(['"chat"', '"chat-2"', '"ch\\u0061t"', '"served-c"', '"ns\\/big.model:8b"'])
VALUES = st.sampled_from([
    '"other"', '"Chat"', "null", "1", "1e400", "NaN", "[]", '{"model":"chat-2"}', '["model",{"model":"chat"}]', '"model"', '"\\n"',
    '"\\"model\\":\\"chat-2\\""', '"\\\\"', '"}"', '"{"', '"\\u0000"', '"\U0001f600"',
])  # fmt: skip
BREAKS = st.sampled_from(
    ["", "{", "}", "[", "]", ",", ":", '"', "\\", '"model":"chat-2",', "\0", "\v", '{"model":"chat-2"}', "/*", "//"]
)
SPACES = st.sampled_from(["", "", "", " ", "\n", "\t\r\n  "])
ENCODINGS = st.sampled_from([*["utf-8"] * 12, "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-7"])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """JSON with models in every place and spelling, now and then broken in one place, or in another encoding."""
    models = draw(st.sampled_from([0, 1, 1, 1, 1, 2]))
    named = [(draw(MODEL), draw(NAMES | VALUES)) for _ in range(models)]
    members = draw(st.permutations([*named, *draw(st.lists(st.tuples(OTHER, NAMES | VALUES), max_size=3))]))
    space = draw(SPACES)
    text = f"{space}{{{space}" + f"{space},".join(f"{k}{space}:{space}{v}" for k, v in members) + f"{space}}}{space}"
    if draw(st.integers(0, 3)) == 0:
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(BREAKS) + text[start + draw(st.integers(0, 2)) :]
    return text.encode(draw(ENCODINGS))


def expected(body: bytes) -> str | None:
    """The public model if a parser finds exactly one, as a string, in UTF-8; the router must pass these on."""
    found: list[Any] = []

    def top(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found[:] = [value for key, value in pairs if key == "model"]
        return dict(pairs)

    try:
        document = json.loads(body.decode(), object_pairs_hook=top)
    except ValueError:
        return None
    one = isinstance(document, dict) and len(found) == 1 and isinstance(found[0], str)
    return found[0] if one and found[0] in MODELS else None


def test_the_router_and_the_engine_read_the_same_model(front: Front) -> None:
    passed = 0

    @settings(max_examples=250, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(documents())
    def holds(body: bytes) -> None:
        nonlocal passed
        answer = front.envoy.client.post(CHAT, content=body)
        arrived = front.arrived()
        model = expected(body)
        if model:
            passed += 1
            assert (answer.status_code, [name for name, _ in arrived]) == (200, [MODELS[model]]), body
        if answer.status_code != 200:
            assert (answer.status_code in (400, 404), arrived) == (True, []), body
            assert answer.json()["error"]["code"] == answer.status_code
        for name, sent in arrived:
            public = parsed_model(body)
            assert public is None or MODELS[public] == name, body
            assert parsed_model(sent) == (f"served-{name}" if public else None), body
        for engine in front.engines.values():
            engine.check()
            engine.requests.clear()

    holds()
    assert passed > 40, "some of them were whole"


def test_at_the_limit(front: Front) -> None:
    def body(size: int) -> bytes:
        return b'{"model":"chat","pad":"' + b"x" * (size - 25) + b'"}'

    def posted(data: bytes) -> int:
        answer = ask(front.port, data)
        if answer.status == 413:
            assert answer.error()["type"] == "RequestTooLarge"
        return answer.status

    assert posted(request(body(LARGEST_BODY))) == 200
    assert posted(request(body(LARGEST_BODY + 1))) == 413
    whole, step = body(LARGEST_BODY), LARGEST_BODY // 64
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]
    assert posted(request(chunked(*pieces), CHUNKED, length=False)) == 200
    assert posted(request(chunked(*pieces, b"x"), CHUNKED, length=False)) == 413
    arrived = front.arrived()
    assert [(name, len(sent)) for name, sent in arrived] == [("a", LARGEST_BODY + len("served-a") - len("chat"))] * 2, (
        "the name of an engine does not count"
    )


def test_an_announced_giant_is_refused_without_being_read(front: Front) -> None:
    with Wire(front.port) as wire:
        wire.send(request(b"{" * (LARGEST_BODY + (1 << 20)), b"Content-Length: 99999999999", length=False))
        answers = wire.receive()
        assert not answers or answers[0].error()["code"] == 413


MIB = 1 << 20
MOST = 40.0
"""Milliseconds of CPU for each MiB, of Envoy in whole: receiving, finding the model, splicing and sending on; 3 to 11 where the
machine is not busy. A find that looks at everything again for each key or bracket would take hours."""


def filled(pattern: bytes, before: bytes, after: bytes, size: int = 10 * MIB) -> bytes:
    """About `size` bytes."""
    return before + pattern * (size // len(pattern)) + after


COSTLY: dict[str, bytes] = {
    "text before the model": filled(b"Hello. ", b'{"p":"', b'","model":"chat"}'),
    "text after the model": filled(b"Hello. ", b'{"model":"chat","p":"', b'"}'),
    "escaped quotes": filled(b'\\"', b'{"p":"', b'","model":"chat"}'),
    "backslashes": filled(b"\\\\", b'{"p":"', b'","model":"chat"}'),
    "tokens": filled(b"12345,", b'{"p":[', b'1],"model":"chat"}'),
    "empty strings": filled(b'"",', b'{"p":[', b'1],"model":"chat"}'),
    "brackets": filled(b"[]", b'{"p":[', b'],"model":"chat"}'),
    "levels": filled(b"[" * 9_000 + b"]" * 9_000 + b",", b'{"p":[', b'1],"model":"chat"}'),
    "objects": filled(b'{"a":1},', b'{"p":[', b'1],"model":"chat"}'),
    "keys": filled(b'"abcde":1,', b'{"\\u006d":1,', b'"model":"chat"}'),
    "keys that are nearly it": filled(b'"mode\\u006d":1,', b"{", b'"model":"chat"}'),
    "values that are it": filled(b'"a":"model",', b"{", b'"model":"chat"}'),
    "spaces": filled(b" ", b"{", b'"model":"chat"}'),
    "spaces at the beginning": filled(b" ", b" ", b'{"model":"chat"}'),
    "spaces behind what may be it": filled(b'"model"' + b" " * MIB + b",", b"{", b'"model":"chat"}'),
    "spaces within": filled(b" ", b'{"model"', b':"chat"}'),
    "a long key": filled(b"\\u0061", b'{"', b'":1,"model":"chat"}'),
}


def milliseconds(pid: int) -> float:
    """CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def test_large_bodies_cost_little(front: Front) -> None:
    engine = front.engine()
    for name, body in COSTLY.items():
        before = milliseconds(front.envoy.pid)
        assert ask(front.port, request(body)).status == 200, name
        spent = (milliseconds(front.envoy.pid) - before) / (len(body) / MIB)
        print(f"{name:28} {spent:6.1f} ms/MiB")
        assert spent < MOST, name
        assert engine.requests.pop().body == body.replace(b'"chat"', b'"served-a"'), name


def test_deep_nesting_and_many_keys(front: Front) -> None:
    deep = [b"[" * 9_999 + b"]" * 9_999, b'{"model":' * 9_999 + b"1" + b"}" * 9_999]
    many = b",".join(b'"k%d":%d' % (i, i) for i in range(100_000))
    bodies = [
        *(b'{"model":"chat","p":' + value + b"}" for value in deep),
        *(b'{"p":' + value + b',"model":"chat"}' for value in deep),
        b"{" + many + b',"model":"chat"}',
        b'{"model":"chat",' + many + b"}",
        b'{"' + b"k" * MIB + b'":1,"model":"chat"}',
    ]
    for body in bodies:
        assert ask(front.port, request(body)).status == 200, body[:40]
        assert front.engine().requests.pop().body.count(b"served-a") == 1
