"""The life of the process: load, listen, serve, and leave on SIGTERM as vLLM does."""

import asyncio
import contextlib
import os
import platform
import signal
import socket
import ssl
import sys
from pathlib import Path

from e2e.engine_sim.app import App
from e2e.engine_sim.engine import Engine
from e2e.engine_sim.settings import EngineSettings, ServerSettings
from e2e.engine_sim.wire import Connection, OpenConnections

_BACKLOG = 2048
"""uvicorn's: connections that wait to be accepted."""
_FLUSH_S = 5.0
"""How long the last answers may take to leave the process."""


class LoadFailure(Exception):
    """The model does not fit: what `load_failure` asks for."""


async def serve(engine_settings: EngineSettings, settings: ServerSettings) -> None:
    """Runs a server until SIGTERM or SIGINT. LoadFailure while the model is (not) loaded.

    Signals are handled once the model is loaded, as vLLM does it. Before that SIGTERM ends the process, unless it is PID 1, for
    which the kernel drops it.
    """
    await _load(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = App(Engine(engine_settings, loop), settings)
    connections = OpenConnections()
    signature = (f"x-engine-sim: {platform.node()}",) if settings.sign else ()
    server = await loop.create_server(
        lambda: Connection(app.handle, connections, signature),
        sock=_listening(settings.host, settings.port),
        ssl=_tls(settings.certificate),
        backlog=_BACKLOG,  # asyncio listens once more, with 100 otherwise
    )
    _announce(server.sockets[0].getsockname()[1])
    await stop.wait()
    await _drain(app, settings.shutdown_timeout)
    server.close()
    connections.close_idle()
    if app.engine.idle:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(connections.gone(), _FLUSH_S)
    connections.abort()


async def _load(settings: ServerSettings) -> None:
    """Loads the model: nothing listens yet."""
    await asyncio.sleep(settings.load_seconds)
    if settings.faults.load_failure:
        raise LoadFailure("CUDA out of memory. Tried to allocate 1.96 GiB. GPU 0 has a total capacity of 79.10 GiB")


def _listening(host: str, port: int) -> socket.socket:
    """A listening socket; `::` takes IPv4 too, where the kernel allows it. OSError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)


def _tls(certificate: tuple[str, str] | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


async def _drain(app: App, grace: float) -> None:
    """Lets the requests in flight finish for up to `grace` seconds; new ones are refused from now on."""
    app.draining = True
    idle = asyncio.Event()
    app.engine.on_idle = idle.set
    if app.engine.idle or not grace:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace):
            await idle.wait()


def _announce(port: int) -> None:
    """Says on stderr, and in the file that `ENGINE_SIM_READY_FILE` names, which port is open."""
    sys.stderr.write(f"INFO: engine simulator listens on port {port}\n")
    sys.stderr.flush()
    if path := os.environ.get("ENGINE_SIM_READY_FILE"):
        Path(path).write_text(f"{port}\n")
