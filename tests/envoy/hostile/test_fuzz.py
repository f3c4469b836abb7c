"""Seeded noise: raw bytes, and requests with a few bytes changed. Whatever comes back is HTTP, and engines are asked nothing odd."""

from __future__ import annotations

import random
import socket
import time
from contextlib import ExitStack

import httptools
import pytest

from tests.envoy.hostile.conftest import MODELS, Front
from tests.envoy.hostile.wire import CHAT, CHUNKED, Wire, chunked, request
from tidegate.envoy import paths

pytestmark = pytest.mark.envoy

SEED = 7
BATCH = 40
CASES = 600
ODDITIES = (
    b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b",", b";", b"\xff", b"\x80", b'"', b"\\", b"{", b"}", b"[", b"]",
    b"0", b"-1", b"99999999999", b"chunked", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"/../", b"%2f", b"%00",
    b'"model":"chat-2",', b'"m\\u006fdel":"chat-2",', b"\\u0000", b"x-tidegate-in-model: chat-2\r\n", b"x-envoy-retry-on: 5xx\r\n",
    b"POST /sleep HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.0",
)  # fmt: skip


def whole(dice: random.Random) -> bytes:
    """A request that is right."""
    model = dice.choice([*MODELS, "none"]).encode()
    pad = b"x" * dice.choice([0, 1, 100, 5_000])
    body = dice.choice([b'{"model":"%b","p":"%b"}', b'{"p":["%b",{"model":1}],"model":"%b"}'])
    body = body % ((model, pad) if body.startswith(b'{"model"') else (pad, model))
    path = dice.choice([CHAT, CHAT, *paths.JSON])
    if dice.random() < 0.3:
        cut = dice.randrange(1, len(body))
        return request(chunked(body[:cut], body[cut:]), CHUNKED, path=path, length=False)
    return request(body, b"Content-Type: application/json", path=path)


def changed(dice: random.Random, data: bytes) -> bytes:
    """A few bytes more, fewer or others."""
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data))
        less = dice.choice([0, 0, 1, 1, dice.randrange(20)])
        more = dice.choice(
            [b"", bytes([dice.randrange(256)]), dice.choice(ODDITIES), data[at : at + dice.randrange(30)]]
        )
        data = data[:at] + more + data[at + less :]
    return data


def noise(dice: random.Random) -> bytes:
    """Anything."""
    kind = dice.randrange(3)
    if kind == 0:
        return dice.randbytes(dice.randint(1, 2_000))
    if kind == 1:
        return b"".join(dice.choices(ODDITIES, k=dice.randint(1, 60)))
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + dice.randbytes(dice.randint(0, 400))


def cases() -> list[bytes]:
    """The same on each run."""
    dice = random.Random(SEED)
    kinds = dice.choices([changed, changed, changed, None], k=CASES)
    made = [changed(dice, whole(dice)) if kind else noise(dice) for kind in kinds]
    return [data + whole(dice) if dice.random() < 0.2 else data for data in made]


def answered(front: Front, batch: list[bytes]) -> int:
    """Sends each on a connection of its own, and reads strictly until the router or we have closed; how many were answered."""
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(front.port)) for _ in batch]
        for wire, data in zip(wires, batch, strict=True):
            wire.send(data)
        time.sleep(0.1)  # the time that a whole request takes; unfinished ones are cut by what follows
        for wire in wires:
            try:
                wire.socket.shutdown(socket.SHUT_WR)
            except OSError:
                continue
        return sum(_read(wire, data) for wire, data in zip(wires, batch, strict=True))


def _read(wire: Wire, data: bytes) -> bool:
    try:
        answers = wire.receive(99)
    except httptools.HttpParserError:
        assert data.startswith(b"PRI * HTTP/2.0"), data
        return True
    for answer in answers:
        assert answer.status == 200 or answer.error(), data
    return bool(answers)


def test_noise_harms_nobody(front: Front) -> None:
    made = cases()
    count = sum(answered(front, made[at : at + BATCH]) for at in range(0, CASES, BATCH))
    assert count > CASES // 2
    assert any(front.arrived()), "some were whole enough to reach an engine"
    for name, body in front.arrived():
        assert b"served-" + name.encode() in body
