"""As much of valkey-cli as Pods use, where the machine has none: `valkey-cli [-e] [-p PORT] COMMAND...` on this host.

REDISCLI_AUTH is the password. With -e an error reply ends with exit code 1, as with the real one.
"""

import os
import socket
import sys


def encoded(words: list[str]) -> bytes:
    """A command in RESP, https://valkey.io/topics/protocol/"""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def main(arguments: list[str]) -> int:
    """Prints the reply."""
    port, strict = 6379, False
    while arguments and arguments[0].startswith("-"):
        option = arguments.pop(0)
        if option == "-p":
            port = int(arguments.pop(0))
        strict = strict or option == "-e"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        replies = connection.makefile("rb")
        for command in [["AUTH", os.environ["REDISCLI_AUTH"]]] * ("REDISCLI_AUTH" in os.environ) + [arguments]:
            connection.sendall(encoded(command))
            reply = replies.readline().rstrip()
            if reply.startswith(b"$") and reply != b"$-1":
                reply = b"+" + replies.readline().rstrip()
            if reply.startswith(b"-") and strict:
                print(reply[1:].decode(), file=sys.stderr)
                return 1
    print(reply[1:].decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
