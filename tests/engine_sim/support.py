"""A running simulator and a client that shows every byte."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RECORDINGS = Path(__file__).parent / "recordings"
DEADLINE_S = 30.0


@dataclass
class Response:
    """An answer as it came: header names as spelled and in order, the body without chunk frames."""

    status: int
    status_line: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header."""
        return dict(self.headers).get(name)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The data of the server-sent events; strings where they are no JSON."""
        lines = [line[6:] for line in self.body.decode().split("\n") if line.startswith("data: ")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]


class Client:
    """One connection. Kept alive unless the server or `Connection: close` ends it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.stream = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up."""
        self.stream.close()
        self.socket.close()

    def send(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Sends a request."""
        self.socket.sendall(request_bytes(method, path, body, headers))

    def head(self) -> Response:
        """Reads the status line and the headers."""
        status_line = self.stream.readline().decode().rstrip("\r\n")
        headers = []
        while line := self.stream.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(": ")
            headers.append((name, value))
        return Response(int(status_line.split()[1]), status_line, headers, b"")

    def chunk(self) -> bytes:
        """Reads one chunk of a chunked body; empty at its end. EOFError where the connection ends before."""
        line = self.stream.readline()
        if not line:
            raise EOFError
        data = self.stream.read(int(line, 16))
        self.stream.readline()
        return data

    def receive(self) -> Response:
        """Reads a whole response."""
        response = self.head()
        if response.header("transfer-encoding") == "chunked":
            while data := self.chunk():
                response.body += data
        else:
            response.body = self.stream.read(int(response.header("content-length") or 0))
        return response


def request_bytes(method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None) -> bytes:
    """A request on the wire."""
    given = {"host": "engine"} | dict(headers or {})
    if body is not None:
        given = {"content-type": "application/json"} | given | {"content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")


@dataclass
class Sim:
    """A running simulator."""

    port: int
    process: subprocess.Popen[bytes]

    def get(self, path: str, **headers: str) -> Response:
        """GET on a connection of its own."""
        return self.request("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Response:
        """POST of a JSON body on a connection of its own."""
        return self.request("POST", path, json.dumps(body).encode(), headers)

    def request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> Response:
        """Any request on a connection of its own."""
        with Client(self.port) as client:
            client.send(method, path, body, headers)
            return client.receive()

    def start(self, path: str, body: Any) -> Client:
        """Sends a POST and leaves its answer to be read; hang up when done."""
        client = Client(self.port)
        client.send("POST", path, json.dumps(body).encode())
        return client

    def chat(self, content: str = "hello", **fields: Any) -> Response:
        """A chat completion."""
        return self.post("/v1/chat/completions", chat_body(content, **fields))

    def state(self) -> Any:
        """What GET /sim/state says."""
        return self.get("/sim/state").json()

    def metric(self, name: str) -> float:
        """The value of the one series of this name (and labels, as exposed); 0 where there is none."""
        lines = self.get("/metrics").body.decode().splitlines()
        values = [line.rpartition(" ")[2] for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(map(float, values))

    def wait_until(self, **state: Any) -> Any:
        """Waits until GET /sim/state shows these values."""
        return eventually(lambda: (now := self.state()) and all(now[key] == state[key] for key in state) and now)

    def terminate(self) -> None:
        """SIGTERM."""
        self.process.send_signal(signal.SIGTERM)


def chat_body(content: str = "hello", **fields: Any) -> dict[str, Any]:
    """The body of a chat completion."""
    return {"messages": [{"role": "user", "content": content}], **fields}


def eventually(condition: Any) -> Any:
    """The first true value of the condition, within the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.005)
    return value


def launch(*flags: str, below: Sequence[str] = (), **environment: Any) -> tuple[subprocess.Popen[bytes], Path, Path]:
    """Starts a simulator on a free port, as the last words of the command `below`; returns it, the file that will name the
    port, and its stderr."""
    directory = Path(tempfile.mkdtemp(prefix="engine-sim-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    ready, log = directory / "port", directory / "stderr"
    given = {"LOAD_SECONDS": 0, "READY_FILE": ready} | environment
    variables = {f"ENGINE_SIM_{name}": str(value) for name, value in given.items()}
    command = [sys.executable, "-m", "e2e.engine_sim", "serve", "./tiny", "--host", "127.0.0.1", "--port", "0", *flags]
    with log.open("wb") as stderr:
        process = subprocess.Popen([*below, *command], cwd=ROOT, env=os.environ | variables, stderr=stderr)
    return process, ready, log


@contextmanager
def running(*flags: str, **environment: Any) -> Iterator[Sim]:
    """A simulator for as long as the block lasts; `environment` without its prefix `ENGINE_SIM_`."""
    process, ready, log = launch(*flags, **environment)
    try:
        eventually(lambda: (ready.exists() and ready.read_text().endswith("\n")) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield Sim(int(ready.read_text()), process)
    finally:
        process.kill()
        process.wait(DEADLINE_S)
