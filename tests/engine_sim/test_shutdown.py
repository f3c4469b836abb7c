"""SIGTERM: running requests finish within --shutdown-timeout, or are cut where there is none."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.engine_sim.support import DEADLINE_S, Client, Sim, chat_body, eventually, launch, running

CHAT = "/v1/chat/completions"
FIRST_PROCESS = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


def a_stream(tokens: int) -> dict[str, object]:
    return chat_body(stream=True, max_tokens=tokens, ignore_eos=True)


def test_running_requests_finish_and_the_process_leaves() -> None:
    with running("--shutdown-timeout", "20") as sim, Client(sim.port) as idle:
        idle.send("GET", "/health")
        assert idle.receive().status == 200
        with sim.start(CHAT, a_stream(100)) as stream, sim.start(CHAT, chat_body(max_tokens=100)) as whole:
            sim.wait_until(running=2)
            sim.terminate()
            sim.wait_until(draining=True)
            idle.send("GET", "/health")
            assert idle.receive().status == 200
            assert sim.chat().status == 500
            answer = stream.receive()
            assert whole.receive().json()["choices"][0]["message"]["content"]
        assert answer.events()[-1] == "[DONE]"
        assert len(answer.events()) == 102
        assert sim.process.wait(DEADLINE_S) == 0
        assert idle.stream.read() == b""


def test_messages_are_refused_in_their_own_words() -> None:
    with running("--shutdown-timeout", "20") as sim, sim.start(CHAT, a_stream(1000)):
        sim.wait_until(running=1)
        sim.terminate()
        sim.wait_until(draining=True)
        answer = sim.post("/v1/messages", chat_body(model="./tiny", max_tokens=5))
        error = {"type": "InternalServerError", "message": "cannot schedule new futures after shutdown"}
        assert (answer.status, answer.json()) == (500, {"type": "error", "error": error})


def read_on(stream: Client) -> None:
    """Reads to the proper end of a stream."""
    while stream.chunk():
        pass


def cut_off_after(sim: Sim) -> float:
    """Seconds from SIGTERM to the end of the process, with a stream that would last much longer; the stream is cut."""
    with sim.start(CHAT, a_stream(5000)) as stream:
        stream.head()
        stream.chunk()
        start = time.monotonic()
        sim.terminate()
        with pytest.raises((EOFError, ConnectionResetError, ValueError)):
            read_on(stream)
        assert sim.process.wait(DEADLINE_S) == 0
        return time.monotonic() - start


def test_the_timeout_cuts_what_is_left() -> None:
    with running("--shutdown-timeout", "1") as sim:
        assert 0.9 < cut_off_after(sim) < 15  # the stream would take 25 s


def test_without_a_timeout_everything_is_cut_at_once() -> None:
    with running() as sim:
        assert cut_off_after(sim) < 15  # the stream would take 25 s


def test_an_idle_engine_leaves_at_once() -> None:
    with running("--shutdown-timeout", "20") as sim, Client(sim.port) as kept_alive:
        kept_alive.send("GET", "/health")
        kept_alive.receive()
        start = time.monotonic()
        sim.terminate()
        assert sim.process.wait(DEADLINE_S) == 0
        assert time.monotonic() - start < 18


def test_sigterm_while_loading_ends_the_process_at_once() -> None:
    process, ready, log = launch(LOAD_SECONDS=30)
    try:
        eventually(log.exists)
        process.terminate()
        assert process.wait(DEADLINE_S) == -signal.SIGTERM
        assert not ready.exists()
    finally:
        process.kill()
        process.wait()


def test_sigterm_while_loading_is_lost_for_pid_1() -> None:
    """The kernel drops it for want of a handler, as it does for a vLLM that is a container's first process."""
    process, ready, _ = launch(below=FIRST_PROCESS, LOAD_SECONDS=1)
    try:
        (first,) = eventually(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text).split()
        os.kill(int(first), signal.SIGTERM)
        eventually(ready.exists)
        os.kill(int(first), signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()


def test_every_address_is_of_both_families() -> None:
    with running("--host", "::") as sim:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, sim.port), timeout=DEADLINE_S) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nhost: engine\r\nconnection: close\r\n\r\n")
                assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
