"""`valkey-cli` where there is only a server: one command, its answer, and -e for an exit code. For probes and for looking."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from typing import BinaryIO


class Refused(Exception):
    """The server answered with an error."""


def ask(stream: BinaryIO, command: list[str]) -> list[str]:
    """The lines of one answer; https://valkey.io/topics/protocol/ (RESP 2)."""
    words = [word.encode() for word in command]
    stream.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
    stream.flush()
    return answer(stream)


def answer(stream: BinaryIO) -> list[str]:
    line = stream.readline().decode().rstrip("\r\n")
    kind, text = line[:1], line[1:]
    match kind:
        case "-":
            raise Refused(text)
        case "$" if text == "-1":
            return ["(nil)"]
        case "$":
            return [stream.read(int(text) + 2)[:-2].decode(errors="replace")]
        case "*":
            return [each for _ in range(int(text)) for each in answer(stream)]
        case "+" | ":":
            return [text]
    raise Refused("the server closed the connection")


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", dest="host", default="127.0.0.1")
    parser.add_argument("-p", dest="port", type=int, default=6379)
    parser.add_argument("-a", dest="password", default=os.environ.get("REDISCLI_AUTH"))
    parser.add_argument("-e", dest="exit_code", action="store_true", help="exit with 1 when the server refuses")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        with socket.create_connection((options.host, options.port), timeout=5) as connection:
            stream: BinaryIO = connection.makefile("rwb", buffering=-1)  # type: ignore[assignment]
            if options.password:
                ask(stream, ["AUTH", options.password])
            print("\n".join(ask(stream, options.command)))
    except Refused as error:
        print(error, file=sys.stderr if options.exit_code else sys.stdout)
        return int(options.exit_code)
    except OSError as error:
        print(f"Could not connect to Valkey at {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
