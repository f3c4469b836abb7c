"""Forms: every spelling that RFC 7578 allows is routed by its field `model`; what readers could read differently is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import aiohttp
import httpx
import openai
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.envoy.hostile.conftest import MODELS, Front
from tests.envoy.hostile.forms import FILE, KIND, MODEL, fields, form, part
from tests.envoy.hostile.test_bodies import MIB, MOST, milliseconds
from tests.envoy.hostile.wire import Wire, ask, request
from tidegate.envoy import paths
from tidegate.envoy.limits import LARGEST_BODY

pytestmark = pytest.mark.envoy
AUDIO = "/v1/audio/transcriptions"
SOUND = b"RIFF\0\0\0\0WAVEfmt \r\n\r\n--\r\n\xff\xfe\0"


def posted(body: bytes, kind: bytes = KIND, *lines: bytes) -> bytes:
    """A form for the router."""
    return request(body, kind, *lines, path=AUDIO)


DISPOSITIONS = {
    "quoted": b'form-data; name="model"',
    "plain": b"form-data; name=model",
    "spaces": b'form-data ;  name = "model" ',
    "no spaces": b'form-data;name="model"',
    "a tab": b'form-data;\tname="model"',
    "capitals": b'FORM-DATA; NAME="model"',
    "a semicolon at the end": b'form-data; name="model";',
    "another parameter": b'form-data; size=4; name="model"; x="a;b, \\"c\\" name=no"',
    "another type": b'attachment; name="model"',
}
TYPES = {
    "quoted": b'multipart/form-data; boundary="x"',
    "capitals": b"Multipart/Form-Data; Boundary=x",
    "a charset": b"multipart/form-data; charset=utf-8; boundary=x",
    "spaces": b'multipart/form-data ;boundary = "x" ;',
}
PASSED: dict[str, bytes] = {
    "the model first": posted(form(MODEL, FILE)),
    "the model last": posted(form(FILE, MODEL)),
    "no file": posted(form(MODEL)),
    "a type of its own, as aiohttp": posted(form(FILE, part("model", b"chat", b"Content-Type: text/plain; charset=utf-8"))),
    "the disposition second": posted(
        form(b'--x\r\nContent-Length: 4\r\ncontent-disposition: form-data; name="model"\r\n\r\nchat\r\n')
    ),
    "an empty line before": posted(b"\r\n" + form(MODEL)),
    "no newline at the end": posted(form(MODEL, end=b"--x--")),
    "an epilogue": posted(form(MODEL, end=b"--x--\r\nno part\r\n--x\r\n")),
    "a boundary within a line": posted(form(part("p", b"a --x b"), MODEL)),
    "an empty part": posted(form(part("p"), MODEL)),
    "a file called model": posted(form(part("file", b"", after=b'; filename="model"'), MODEL)),
    "a file named as RFC 2231 has it": posted(form(part("file", b"", after=b"; filename*=UTF-8''m%C3%BCller.wav"), MODEL)),
    "a file of Windows": posted(form(part("file", b"", after=b'; filename="C:\\\\temp\\\\a.wav"'), MODEL)),
    "a name with a quote": posted(form(part('m\\"odel', b"chat-2"), MODEL)),
    "names that are nearly it": posted(form(*(part(n, b"chat-2") for n in ("Model", "model[]", "model ", "")), MODEL)),
    "two files": posted(form(FILE, FILE, MODEL)),
    "a slash at the end of the path": request(form(MODEL), KIND, path=AUDIO + "/"),
    "translations": request(form(MODEL), KIND, path="/v1/audio/translations"),
    **{f"a disposition: {name}": posted(form(b"--x\r\nContent-Disposition: %b\r\n\r\nchat\r\n" % line)) for name, line in DISPOSITIONS.items()},
    **{f"a content-type: {name}": posted(form(MODEL), b"Content-Type: " + kind) for name, kind in TYPES.items()},
}  # fmt: skip


def test_a_form_is_routed_by_its_model(front: Front) -> None:
    engine = front.engine()
    for name, data in PASSED.items():
        assert ask(front.port, data).status == 200, name
        arrived = engine.requests.pop()
        sent = data.partition(b"\r\n\r\n")[2]
        assert len(arrived.body) == len(sent) + 4, name
        assert arrived.body.replace(b"served-a", b"chat") == sent, name
        assert arrived.model() == "served-a" or name in ("an empty line before",), name


FORM, FIELD, BROKEN, TWICE, UNKNOWN = (
    "multipart/form-data",
    "no field model",
    "not a valid form",
    "twice",
    "does not exist",
)
BOUNDARY, PLAINLY = "one boundary", "not plainly written"


def disposed(line: bytes) -> bytes:
    """A part with this disposition before the model."""
    return posted(form(b"--x\r\nContent-Disposition: %b\r\n\r\nchat-2\r\n" % line, MODEL))


def typed(kind: bytes) -> bytes:
    """A form of this content-type."""
    return posted(form(MODEL), b"Content-Type: " + kind)


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (posted(b""), BROKEN),
    "JSON": (request(b'{"model":"chat"}', b"Content-Type: application/json", path=AUDIO), FORM),
    "no content-type": (request(form(MODEL), path=AUDIO), FORM),
    "a form of the other kind": (request(b"model=chat", b"Content-Type: application/x-www-form-urlencoded", path=AUDIO), FORM),
    "another multipart": (typed(b"multipart/mixed; boundary=x"), FORM),
    "no boundary": (typed(b"multipart/form-data"), FORM),
    "no boundary either": (typed(b"multipart/form-data; a=b"), BOUNDARY),
    "an empty boundary": (typed(b'multipart/form-data; boundary=""'), BOUNDARY),
    "two boundaries": (typed(b"multipart/form-data; boundary=x; boundary=y"), BOUNDARY),
    "a boundary in pieces": (typed(b"multipart/form-data; boundary*0=x; boundary=x"), BOUNDARY),
    "a boundary that does not end": (typed(b'multipart/form-data; boundary="x'), BOUNDARY),
    "a boundary with a quote": (typed(b'multipart/form-data; boundary="\\"x"'), BOUNDARY),
    "a boundary with a space at its end": (typed(b'multipart/form-data; boundary="x "'), BOUNDARY),
    "another charset": (typed(b"multipart/form-data; boundary=x; charset=utf-16"), "UTF-8"),
    "another boundary": (typed(b"multipart/form-data; boundary=y"), BROKEN),
    "no model": (posted(form(FILE)), FIELD),
    "no parts": (posted(form()), FIELD),
    "the model behind the end": (posted(form(FILE) + form(MODEL)), FIELD),
    "the model twice": (posted(form(MODEL, MODEL)), TWICE),
    "two models": (posted(form(MODEL, FILE, part("model", b"chat-2"))), TWICE),
    "a file as model": (posted(form(part("model", b"chat", after=b'; filename="a"'))), "not a file"),
    "an extended file as model": (posted(form(part("model", b"chat", after=b"; filename*=utf-8''a"))), "not a file"),
    "an empty model": (posted(form(part("model"))), UNKNOWN),
    "another model": (posted(form(part("model", b"other"))), UNKNOWN),
    "a model with a space": (posted(form(part("model", b"chat "))), UNKNOWN),
    "a model with a newline": (posted(form(part("model", b"chat\r\n"))), UNKNOWN),
    "an escaped model": (posted(form(part("model", b"ch\\u0061t"))), UNKNOWN),
    "a large model": (posted(form(part("model", b"x" * MIB))), UNKNOWN),
    "it does not end": (posted(form(MODEL, end=b"")), BROKEN),
    "it ends within a boundary": (posted(form(MODEL, end=b"--x-")), BROKEN),
    "a part does not end": (posted(form(MODEL, b"--x\r\nContent-Disposition: form-data; name=a", end=b"")), "headers do not end"),
    "bare newlines": (posted(form(MODEL, FILE).replace(b"\r\n", b"\n")), BROKEN),
    "a bare newline before a boundary": (posted(form(MODEL, part("p", b"a\n--x\r\nb"))), BROKEN),
    "padding behind a boundary": (posted(form(MODEL, FILE.replace(b"--x\r\n", b"--x \r\n", 1))), BROKEN),
    "a longer boundary": (posted(form(MODEL, FILE.replace(b"--x\r\n", b"--xx\r\n", 1))), BROKEN),
    "a boundary in the preamble": (posted(b"\r\na--x\r\n" + form(part("model", b"chat-2"), MODEL)), BROKEN),
    "a boundary in place of content": (posted(form(b'--x\r\nContent-Disposition: form-data; name="p"\r\n\r\n', MODEL)), BROKEN),
    "a folded header": (posted(form(b'--x\r\nContent-Disposition: form-data;\r\n name="model"\r\n\r\nchat\r\n', MODEL)), PLAINLY),
    "a bare newline in a header": (disposed(b'form-data; name="p"\nX: y'), PLAINLY),
    "a header without a colon": (posted(form(b"--x\r\nContent-Disposition\r\n\r\n\r\n", MODEL)), PLAINLY),
    "two dispositions": (disposed(b'form-data; name="p"\r\nContent-Disposition: form-data; name="q"'), PLAINLY),
    "two names": (disposed(b'form-data; name="p"; name="model"'), PLAINLY),
    "an extended name": (disposed(b"form-data; name=\"p\"; name*=utf-8''model"), PLAINLY),
    "a name in pieces": (disposed(b"form-data; name*0=mo; name*1=del"), PLAINLY),
    "an escaped name": (disposed(b'form-data; name="mode\\l"'), PLAINLY),
    "a name that does not end": (disposed(b'form-data; name="model'), PLAINLY),
    "a name with more behind it": (disposed(b'form-data; name="mod"el'), PLAINLY),
    "quotes that readers count differently": (disposed(b'form-data; x="a\\\\"; name="p"; y="; name=model; z="'), PLAINLY),
    "many headers": (posted(form(part("p", b"", *[b"X: y"] * 20), MODEL)), PLAINLY),
    "many parameters": (disposed(b'form-data; name="p"' + b"".join(b"; a%d=b" % i for i in range(20))), PLAINLY),
    "headers without end": (posted(form(b"--x\r\n" + b"X: y\r\n" * 10_000 + b"\r\n\r\n", MODEL)), "headers do not end"),
    "thousands of parts": (posted(form(*[part("a")] * 2_001, MODEL)), "more than 2,000 parts"),
}  # fmt: skip


def test_forms_that_are_wrong_or_doubtful_are_refused(front: Front) -> None:
    for name, (data, why) in REFUSED.items():
        answer = ask(front.port, data)
        assert answer.status == (404 if why == UNKNOWN else 400), (name, answer)
        assert why in answer.error()["message"], (name, answer)
    assert front.arrived() == []


def test_the_limit_is_that_of_every_body(front: Front) -> None:
    room = LARGEST_BODY - len(form(part("file"), MODEL))
    assert ask(front.port, posted(form(part("file", b"\r\n--" * (room // 4) + b"-" * (room % 4)), MODEL))).status == 200
    assert ask(front.port, posted(form(part("file", b"x" * (room + 1)), MODEL))).status == 413
    assert ask(front.port, posted(form(MODEL), KIND, b"Content-Encoding: gzip")).status == 415
    assert ask(front.port, request(b"", path=AUDIO, method="GET", length=False)).status == 405


def by_httpx(url: str) -> None:
    httpx.post(
        url + AUDIO, data={"model": "chat", "language": "de"}, files={"file": ("müller.wav", SOUND)}
    ).raise_for_status()


def by_requests(url: str) -> None:
    requests.post(
        url + AUDIO, data={"model": "chat"}, files={"file": ('a"b.wav', SOUND)}, timeout=10
    ).raise_for_status()


def by_openai(url: str) -> None:
    with openai.OpenAI(base_url=url + "/v1", api_key="x", max_retries=0) as client:
        client.audio.transcriptions.create(model="chat", file=("any.wav", SOUND), timestamp_granularities=["word"])


def by_aiohttp(url: str) -> None:
    async def post() -> None:
        written = aiohttp.FormData()
        written.add_field("file", SOUND, filename="müller.wav", content_type="audio/wav")
        written.add_field("model", "chat")
        async with aiohttp.ClientSession() as session, session.post(url + AUDIO, data=written) as answer:
            answer.raise_for_status()

    asyncio.run(post())


@pytest.mark.parametrize("client", [by_httpx, by_requests, by_openai, by_aiohttp])
def test_clients_write_forms_differently(front: Front, client: Callable[[str], None]) -> None:
    client(front.envoy.url)
    [arrived] = front.engine().requests
    assert arrived.model() == "served-a"
    assert SOUND in arrived.body


def curl(boundary: bytes) -> Iterator[bytes]:
    """What curl 7 writes for `-F file=@any.wav -F model=chat`."""
    yield b'--%b\r\nContent-Disposition: form-data; name="file"; filename="any.wav"\r\n' % boundary
    yield b"Content-Type: application/octet-stream\r\n\r\n" + SOUND
    yield b'\r\n--%b\r\nContent-Disposition: form-data; name="model"\r\n\r\nchat\r\n--%b--\r\n' % (boundary, boundary)


def test_curl_sends_a_form_in_pieces(front: Front) -> None:
    boundary = b"-" * 24 + b"d74496d66958873e"
    body = b"".join(curl(boundary))
    with Wire(front.port) as wire:
        wire.send(posted(body, b"Content-Type: multipart/form-data; boundary=" + boundary)[: -len(body)])
        for piece in curl(boundary):
            wire.send(piece)
        assert wire.receive()[0].status == 200
    assert front.arrived() == [("a", body.replace(b"chat", b"served-a"))]


NAMES = st.sampled_from(["model", "Model", "file", "p", "", "mode\\l", "model[]"])
VALUES = st.sampled_from([b"chat", b"chat", b"chat-2", b"other", b"", b"a\r\nb", b"--x", b"\r\n--y", b"chat\r\n"])
AFTER = st.sampled_from(
    [b"", b"", b"", b'; filename="a"', b"; x=y", b"; name=p", b"; filename*=a", b';name="model"', b"; name*=model"]
)
LINES = st.sampled_from(
    [(), (), (), (), (b"Content-Type: text/plain",), (b"X:",), (b'content-disposition: form-data; name="model"',)]
)
PARTS = st.builds(lambda n, v, li, a: part(n, v, *li, after=a), NAMES, VALUES, LINES, AFTER)
BREAKS = st.sampled_from(
    [b"", b"\r", b"\n", b"\r\n", b"--x", b"\r\n--x\r\n", b"--x--", b'"', b"\\", b";", b"-", b" ", b"\0", b"x"]
)
KINDS = st.sampled_from(
    [*[KIND] * 6, b'Content-Type: multipart/form-data; boundary="x"', b"Content-Type: multipart/form-data; boundary=-x"]
)


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Content-type and body, now and then broken in a place or two."""
    body = form(*draw(st.permutations([MODEL, *draw(st.lists(PARTS, max_size=3))])))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        start = draw(st.integers(0, len(body)))
        body = body[:start] + draw(BREAKS) + body[start + draw(st.integers(0, 3)) :]
    return draw(KINDS), body


def test_the_router_and_the_engine_read_the_same_form(front: Front) -> None:
    passed = 0

    @settings(max_examples=600, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(written())
    def holds(pair: tuple[bytes, bytes]) -> None:
        nonlocal passed
        kind, body = pair
        answer = ask(front.port, posted(body, kind))
        arrived = front.arrived()
        if answer.status != 200:
            assert (answer.error()["code"] in (400, 404), arrived) == (True, []), pair
        for name, sent in arrived:
            passed += 1
            content_type = kind.partition(b": ")[2]
            before, after = fields(content_type, body), fields(content_type, sent)
            assert (before is None) == (after is None), pair
            if before and after:
                model = (before["model"] or b"").decode()
                assert (MODELS[model], after["model"]) == (name, b"served-" + name.encode()), pair
        for engine in front.engines.values():
            engine.check()
            engine.requests.clear()

    holds()
    assert passed > 60, "some of them were whole"


COSTLY = {
    "a large file": form(part("file", b"Hello. " * (10 * MIB // 7)), MODEL),
    "nearly boundaries": form(part("file", b"\r\n--" * (10 * MIB // 4)), MODEL),
    "newlines": form(part("file", b"\n" * (10 * MIB)), MODEL),
    "many parts": form(*[part("p", b"", b"X: " + b"y" * 4_000)] * 1_900, MODEL),
    "many headers": form(
        *[part("p", b"", *[b"X:" + b"y" * 200] * 15, after=b"".join(b"; a%d=b" % i for i in range(15)))] * 1_900, MODEL
    ),
    "quotes": form(*[part("p", b"", after=b'; a="' + b'\\"' * 2_000 + b'"')] * 1_900, MODEL),
}


def test_forms_cost_little(front: Front) -> None:
    for name, body in COSTLY.items():
        before = milliseconds(front.envoy.pid)
        assert ask(front.port, posted(body)).status == 200, name
        spent = (milliseconds(front.envoy.pid) - before) / (len(body) / MIB)
        print(f"{name:28} {spent:6.1f} ms/MiB")
        assert spent < MOST, name


def test_every_path_that_takes_a_model(front: Front) -> None:
    for path in paths.JSON:
        assert ask(front.port, request(path=path)).status == 200, path
    for path in paths.FORMS:
        assert ask(front.port, request(form(MODEL), KIND, path=path)).status == 200, path
    assert [r.path for r in front.engine().requests] == [*paths.JSON, *paths.FORMS]
