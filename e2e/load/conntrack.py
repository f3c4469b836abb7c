"""Who is behind a connection to a Service's address: the kernel's connection tracking knows what kube-proxy chose.

A ctnetlink GET of one connection by its original addresses; the source of the reply's addresses is the Pod.
https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/netfilter/nfnetlink_conntrack.h
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

Address = tuple[str, int]

NETLINK_NETFILTER = 12
GET, NEW = 0x101, 0x100  # NFNL_SUBSYS_CTNETLINK, and IPCTNL_MSG_CT_GET or _NEW
REQUEST = 1  # NLM_F_REQUEST
NESTED = 0x8000
TUPLE_ORIGINAL, TUPLE_REPLY = 1, 2
TUPLE_IP, TUPLE_PROTOCOL = 1, 2
IP_SOURCE, IP_DESTINATION = 1, 2
PROTOCOL_NUMBER, SOURCE_PORT, DESTINATION_PORT = 1, 2, 3
HEADERS = 16 + 4  # bytes of nlmsghdr and nfgenmsg


class Conntrack:
    """Asks the kernel about TCP connections over IPv4 of this network namespace."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)

    def close(self) -> None:
        """Ends the conversation with the kernel."""
        self._socket.close()

    def server(self, client: Address, service: Address) -> str:
        """The IP that answers a connection from `client` to `service`. Empty where nothing is known of it: this user may
        not ask, nothing is tracked, or the connection was refused, which ends the tracking."""
        self._socket.send(_question(client, service))
        return _reply_source(self._socket.recv(8192))


def _question(client: Address, service: Address) -> bytes:
    addresses = _attribute(IP_SOURCE, socket.inet_aton(client[0]))
    addresses += _attribute(IP_DESTINATION, socket.inet_aton(service[0]))
    protocol = _attribute(PROTOCOL_NUMBER, bytes([socket.IPPROTO_TCP]))
    protocol += _attribute(SOURCE_PORT, struct.pack(">H", client[1]))
    protocol += _attribute(DESTINATION_PORT, struct.pack(">H", service[1]))
    parts = _attribute(TUPLE_IP | NESTED, addresses) + _attribute(TUPLE_PROTOCOL | NESTED, protocol)
    body = struct.pack(">BBH", socket.AF_INET, 0, 0) + _attribute(TUPLE_ORIGINAL | NESTED, parts)
    return struct.pack("=IHHII", 16 + len(body), GET, REQUEST, 0, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def _reply_source(message: bytes) -> str:
    kind = struct.unpack_from("=H", message, 4)[0]
    if kind != NEW:
        return ""
    reply = dict(_attributes(message[HEADERS:])).get(TUPLE_REPLY, b"")
    addresses = dict(_attributes(dict(_attributes(reply)).get(TUPLE_IP, b"")))
    return socket.inet_ntoa(addresses[IP_SOURCE]) if IP_SOURCE in addresses else ""


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & ~NESTED, data[4:length]
        data = data[length + (-length % 4) :]
