"""HTTP/2 by hand: streams that are reset in masses, that nobody reads, that are mixed, that lie about themselves."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest

from tests.envoy.hostile.conftest import Front
from tests.envoy.hostile.test_bodies import MIB
from tests.envoy.hostile.test_clients import ENDLESS, under_way
from tests.envoy.hostile.wire import CHAT, HELLO, PATIENCE, ask, request
from tests.envoy.waiting import until

pytestmark = pytest.mark.envoy
Headers = Iterable[tuple[str, str]]
START = ((":method", "POST"), (":scheme", "http"), (":authority", "router"), (":path", CHAT))


@dataclass
class Stream:
    """What came back."""

    status: str = ""
    ended: bool = False


@dataclass
class Frames:
    """One connection, which checks nothing of what it sends."""

    port: int
    reads: bool = True
    """Whether it gives room for more of an answer."""
    closed: bool = False
    streams: dict[int, Stream] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        liberal = h2.config.H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._h2 = h2.connection.H2Connection(liberal)
        self._h2.initiate_connection()
        self._flush()

    def ask(self, body: bytes | None = HELLO, *more: tuple[str, str], start: Headers = START) -> int:
        """A stream; without a body it stays open."""
        number = self._h2.get_next_available_stream_id()
        self.streams[number] = Stream()
        self._h2.send_headers(number, [*start, *more])
        self._flush()
        if body is not None:
            self.send(number, body, end=True)
        return number

    def send(self, number: int, body: bytes, *, end: bool = False) -> None:
        """As windows allow."""
        while body and not self.closed:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room:
                self._h2.send_data(number, body[:room], end_stream=end and len(body) <= room)
                body = body[room:]
                self._flush()
            else:
                self.hear()

    def reset(self, number: int) -> None:
        """At once."""
        self._h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        self._flush()

    def hear(self, seconds: float = PATIENCE) -> None:
        """What comes next."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            return
        except ConnectionResetError:
            data = b""
        self.closed |= not data
        for event in self._h2.receive_data(data) if data else ():
            self._heard(event)
        self._flush()

    def _heard(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", 0) or 0, Stream())
        if isinstance(event, h2.events.ResponseReceived):
            stream.status = dict(event.headers)[b":status"].decode()
        elif isinstance(event, h2.events.DataReceived) and self.reads:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
            stream.ended = True

    def statuses(self, *numbers: int) -> list[str]:
        """Of streams that have ended, with the connection or before."""
        deadline = time.monotonic() + PATIENCE
        while not self.closed and not all(self.streams[number].ended for number in numbers):
            assert time.monotonic() < deadline
            self.hear(0.1)
        return [self.streams[number].status for number in numbers]

    def leave(self, *, politely: bool = False) -> None:
        """With GOAWAY, or without."""
        if politely:
            self._h2.close_connection()
            self._flush()
        self._socket.close()

    def _flush(self) -> None:
        try:
            self._socket.sendall(self._h2.data_to_send())
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True


@pytest.fixture
def frames(front: Front) -> Iterator[Frames]:
    """A connection."""
    made = Frames(front.port)
    yield made
    made.leave()


LIES: dict[str, tuple[Headers, tuple[tuple[str, str], ...]]] = {
    "longer than it is": (START, (("content-length", "17"),)),
    "shorter than it is": (START, (("content-length", "15"),)),
    "two lengths": (START, (("content-length", "16"), ("content-length", "16"))),
    "chunks": (START, (("transfer-encoding", "chunked"),)),
    "a connection's header": (START, (("connection", "x-tidegate-in-model"),)),
    "an upgrade": (START, (("upgrade", "websocket"),)),
    "capitals": (START, (("X-Tidegate-In-Model", "chat-2"),)),
    "two lines in one": (START, (("x", "a\r\nx-tidegate-in-model: chat-2"),)),
    "a NUL": (START, (("x", "a\0b"),)),
    "a space in a name": (START, (("x y", "a"),)),
    "two paths": ((*START, (":path", "/sleep")), ()),
    "a path that comes late": (START[:3], (("x", "a"), START[3])),
    "an address as path": ((*START[:3], (":path", "http://router" + CHAT)), ()),
    "no path": (START[:3], ()),
    "no method": (START[1:], ()),
    "two words as method": (((":method", "POST /sleep"), *START[1:]), ()),
    "a WebSocket": (((":method", "CONNECT"), (":protocol", "websocket"), *START[1:]), ()),
    "100 lines and more": (START, tuple((f"x-{number}", "a") for number in range(120))),
    "a large header": (START, (("x", "a" * 70_000),)),
}


def test_lies_reach_nobody(front: Front) -> None:
    for name, (start, more) in LIES.items():
        client = Frames(front.port)
        assert client.statuses(client.ask(HELLO, *more, start=start)) == [""], name
        client.leave()
    assert front.arrived() == []


def test_streams_that_are_reset_in_masses(front: Front, frames: Frames) -> None:
    """CVE-2023-44487: the connection is closed, and nothing is left under way."""
    for count in range(5_000):
        if frames.closed:
            break
        frames.reset(frames.ask())
        if count % 50 == 0:
            frames.hear(0.001)
    assert frames.closed
    until(lambda: under_way(front) == 0)
    assert ask(front.port, request()).status == 200


def test_bodies_that_come_mixed(front: Front, frames: Frames) -> None:
    body = b'{"p":"' + b"x" * MIB + b'","model":"chat"}'
    numbers = [frames.ask(None) for _ in range(20)]
    for at in range(0, len(body), 1 << 15):
        for number in numbers:
            frames.send(number, body[at : at + (1 << 15)], end=at + (1 << 15) >= len(body))
    assert set(frames.statuses(*numbers)) == {"200"}
    assert [(name, sent.count(b"served-a"), len(sent)) for name, sent in front.arrived()] == [
        ("a", 1, len(body) + 4)
    ] * 20


def test_many_streams_on_one_connection(frames: Frames) -> None:
    numbers = [frames.ask(b'{"model":"%b"}' % name) for name in (b"chat", b"chat-2", b"none") * 30]
    assert Counter(frames.statuses(*numbers)) == {"200": 60, "404": 30}


def test_a_stream_that_nobody_reads_holds_up_its_engine(front: Front, frames: Frames) -> None:
    engine, begun, before = front.engine(), front.engine().streamed, -1
    frames.reads = False
    endless = frames.ask(ENDLESS)
    while engine.streamed != before:
        before = engine.streamed
        frames.hear(0.3)
    assert engine.streamed - begun < 32 * MIB
    frames.reset(endless)
    until(lambda: engine.open_streams == 0)


@pytest.mark.parametrize("politely", [True, False])
def test_an_engine_hears_that_a_client_has_gone(front: Front, politely: bool) -> None:
    client = Frames(front.port)
    client.ask(ENDLESS)
    until(lambda: front.engine().open_streams == 1)
    client.leave(politely=politely)
    until(lambda: front.engine().open_streams == 0)
    until(lambda: under_way(front) == 0)
