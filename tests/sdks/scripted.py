"""Engines that do one thing each, in vLLM's words: what e2e/engine_sim does not, tools and hangs and ends in the middle."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from tests.envoy.serving import Loop
from tests.support.ports import free_port

Does = Callable[["Scripted", web.Request], Awaitable[web.StreamResponse]]
CALL: Final = {"name": "weather", "arguments": '{"city":"Oslo"}'}
_HEAD: Final = {"id": "chatcmpl-1", "created": 1767225600, "model": "served"}
_USAGE: Final = {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}
STEP: Final = 0.02
"""Seconds between two events of a stream."""


class Scripted:
    """One engine."""

    def __init__(self, does: Does) -> None:
        self.port = free_port()
        self.asked = 0
        """How often for an answer."""
        self.left = threading.Event()
        """A client has left in the middle of an answer."""
        self._does = does

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any path."""
        if request.method == "GET":
            return web.json_response({"object": "list", "data": [{"id": "served", "object": "model"}]})
        self.asked += 1
        return await self._does(self, request)


class Cast:
    """Engines on one thread."""

    def __init__(self) -> None:
        self._thread = Loop()
        self._runners: list[web.AppRunner] = []

    def engine(self, does: Does) -> Scripted:
        """One more."""
        made = Scripted(does)
        self._thread.do(self._listen(made))
        return made

    async def _listen(self, engine: Scripted) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", engine.handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", engine.port).start()
        self._runners.append(runner)

    async def _leave(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    def stop(self) -> None:
        """All of them."""
        self._thread.do(self._leave())
        self._thread.stop()


async def fails(_: Scripted, __: web.Request) -> web.StreamResponse:
    """500, as vLLM says it."""
    error = {
        "message": "CUDA error: device-side assert triggered",
        "type": "InternalServerError",
        "param": None,
        "code": 500,
    }
    return web.json_response({"error": error}, status=500)


async def hangs(_: Scripted, __: web.Request) -> web.StreamResponse:
    """No answer."""
    await asyncio.sleep(3600)
    raise AssertionError


async def breaks_off(_: Scripted, request: web.Request) -> web.StreamResponse:
    """Two events of a stream, and the end of the connection."""
    await request.read()
    answer = await _stream(request, _twice(request.path))
    if request.transport:
        request.transport.abort()
    return answer


async def goes_on(engine: Scripted, request: web.Request) -> web.StreamResponse:
    """A stream without an end."""
    await request.read()
    try:
        return await _stream(request, _for_ever(request.path))
    except (asyncio.CancelledError, ConnectionError):
        engine.left.set()
        raise


async def calls(_: Scripted, request: web.Request) -> web.StreamResponse:
    """A tool, in the API that was asked."""
    asked = await request.json()
    assert asked["tools"]
    if request.path == "/v1/messages":
        return await _stream(request, _each(_MESSAGE_EVENTS)) if asked.get("stream") else web.json_response(_MESSAGE)
    if request.path == "/v1/responses":
        return web.json_response(_RESPONSE)
    return await _stream(request, _each(_CHUNKS)) if asked.get("stream") else web.json_response(_COMPLETION)


async def _stream(request: web.Request, events: AsyncIterator[bytes]) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
    await answer.prepare(request)
    async for event in events:
        await answer.write(event)
        await asyncio.sleep(STEP)
    return answer


def _event(data: Any) -> bytes:
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


async def _each(events: list[dict[str, Any]]) -> AsyncIterator[bytes]:
    for data in events:
        yield _event(data)
    if "choices" in events[-1]:
        yield b"data: [DONE]\n\n"


async def _twice(path: str) -> AsyncIterator[bytes]:
    begin, said = _words(path)
    for data in [*begin, said, said]:
        yield _event(data)


async def _for_ever(path: str) -> AsyncIterator[bytes]:
    begin, said = _words(path)
    for data in begin:
        yield _event(data)
    while True:
        yield _event(said)


def _words(path: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """How a stream of an API begins, and a word of it."""
    if path == "/v1/messages":
        said = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word "}}
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        return [_MESSAGE_EVENTS[0], block], said
    return [], _chunk({"content": "word "})


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}


_TOOL: Final = {"id": "chatcmpl-tool-1", "type": "function", "function": CALL}
_COMPLETION: Final = {
    **_HEAD, "object": "chat.completion", "usage": _USAGE,
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [_TOOL]}}],
}  # fmt: skip
_CHUNKS: Final = [
    _chunk({"role": "assistant", "content": ""}),
    _chunk({"tool_calls": [{**_TOOL, "index": 0, "function": {"name": CALL["name"], "arguments": '{"city":'}}]}),
    _chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]}),
    _chunk({}, "tool_calls"),
]
_USED: Final = {"input_tokens": 9, "output_tokens": 7}
_BLOCK: Final = {"type": "tool_use", "id": "chatcmpl-tool-1", "name": CALL["name"]}
_MESSAGE: Final = {
    "id": "chatcmpl-1", "type": "message", "role": "assistant", "model": "served", "stop_reason": "tool_use", "usage": _USED,
    "content": [{**_BLOCK, "input": {"city": "Oslo"}}],
}  # fmt: skip
_RESPONSE: Final = {
    "id": "resp_1", "object": "response", "created_at": 1767225600, "model": "served", "status": "completed", "incomplete_details": None,
    "error": None, "instructions": None, "metadata": None, "parallel_tool_calls": True, "temperature": 1.0, "top_p": 1.0, "tool_choice": "auto",
    "tools": [],
    "output": [{"id": "fc_1", "call_id": "call_1", "type": "function_call", "status": "completed", **CALL}],
    "usage": {
        **_USED, "total_tokens": 16, "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
    },
}  # fmt: skip
_MESSAGE_EVENTS: Final[list[dict[str, Any]]] = [
    {"type": "message_start", "message": {**_MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {**_BLOCK, "input": {}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": CALL["arguments"]}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": _USED},
    {"type": "message_stop"},
]  # fmt: skip
