"""An engine that answers at once what it is asked: `python -m benchmarks.cache.engine PORT`. Its answer has the question in it, so that a
wrong one is seen."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httptools
import uvloop

WORDS = 120
"""Of an answer, beside the question."""


def answer(body: dict[str, Any]) -> bytes:
    """JSON, as vLLM writes it."""
    text = f"You asked: {body['messages'][-1]['content']} " + "and there is much to say of that " * (WORDS // 8)
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 24, "completion_tokens": WORDS, "total_tokens": 24 + WORDS}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}
    return json.dumps({**head, "choices": [choice], "usage": usage}).encode()


class Connection(asyncio.Protocol):
    """Requests come one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        self._transport: Any = transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_body(self, body: bytes) -> None:
        """httptools'."""
        self._body += body

    def on_message_complete(self) -> None:
        """httptools'. A question for its models has no body."""
        said = answer(json.loads(self._body)) if self._body else b'{"object":"list","data":[]}'
        self._body = b""
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(said)
        self._transport.write(head + said)


async def serve(port: int) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
