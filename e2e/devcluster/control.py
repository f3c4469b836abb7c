"""How the outside speaks to the first process of a cluster: one JSON message with open sockets, one JSON answer."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

LONGEST_MESSAGE = 1 << 16  # bytes
MOST_SOCKETS = 4
Handler = Callable[[dict[str, Any], list[socket.socket]], Awaitable[Any]]


class ControlError(RuntimeError):
    """The cluster's first process refused a request, or is not there."""


def ask(path: Path, request: dict[str, Any], sockets: Sequence[socket.socket] = (), timeout: float = 60.0) -> Any:
    """Send one request from outside. Raises ControlError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            socket.send_fds(connection, [json.dumps(request).encode()], [each.fileno() for each in sockets])
            answer = connection.recv(LONGEST_MESSAGE)
        except OSError as error:
            raise ControlError(f"the cluster does not answer at {path}: {error}") from error
    if not answer:
        raise ControlError("the cluster ended while it was asked")
    message = json.loads(answer)
    if "error" in message:
        raise ControlError(message["error"])
    return message["answer"]


def listen(path: Path, handler: Handler) -> None:
    """Answer requests in the running event loop for as long as it runs."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen(16)
    listener.setblocking(False)
    tasks: set[asyncio.Task[None]] = set()

    def accept() -> None:
        connection, _ = listener.accept()
        task = asyncio.create_task(_answer(connection, handler))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    asyncio.get_running_loop().add_reader(listener, accept)


async def _answer(connection: socket.socket, handler: Handler) -> None:
    with connection:
        connection.setblocking(False)
        await _readable(connection)
        data, descriptors, _, _ = socket.recv_fds(connection, LONGEST_MESSAGE, MOST_SOCKETS)
        if not data:
            return
        try:
            reply = {"answer": await handler(json.loads(data), [socket.socket(fileno=each) for each in descriptors])}
        except Exception as error:  # whatever it was, the caller is told and the cluster lives on
            reply = {"error": f"{type(error).__name__}: {error}"}
        connection.send(json.dumps(reply).encode())


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
