"""The cluster's own network: node addresses on a bridge without a cable, routed Pods, and rules of ours beside kube-proxy's."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .settings import Node, Settings

# A Pod that reaches itself through its Service must be masqueraded. kube-proxy does so for Pods of its own node only,
# and here one kube-proxy serves all nodes: `hairpin` holds every Pod address together with itself.
# `lost` holds the addresses of nodes that are down: packets to and from them vanish, as with a cut cable.
RULES = """
table ip tidegate {
  set hairpin { type ipv4_addr . ipv4_addr; }
  set lost { type ipv4_addr; flags interval; }
  chain masquerade_hairpin {
    type nat hook postrouting priority 90
    ct status dnat ip saddr . ip daddr @hairpin masquerade
  }
  chain forward { type filter hook forward priority -10; ip saddr @lost drop; ip daddr @lost drop; }
  chain output { type filter hook output priority -10; ip daddr @lost drop; }
  chain input { type filter hook input priority -10; ip saddr @lost drop; }
}
"""


def create(settings: Settings) -> None:
    """Set up the (fresh, private) network namespace that this process is in."""
    commands = ["link set lo up", "link add nodes type bridge"]
    commands += [f"addr add {node.ip}/24 dev nodes" for node in settings.all_nodes]
    commands += ["link set nodes up", "route add default dev nodes"]
    _feed(["ip", "-batch", "-"], "\n".join(commands))
    _feed(["nft", "-f", "-"], RULES + _hairpins(settings))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _hairpins(settings: Settings) -> str:
    addresses = [f"{node.pod_prefix}.{host}" for node in settings.all_nodes for host in range(2, 255)]
    pairs = ", ".join(f"{address} . {address}" for address in addresses)
    return f"add element ip tidegate hairpin {{ {pairs} }}\n"


def cut(node: Node) -> list[str]:
    """The command that makes a node's and its Pods' packets vanish."""
    return ["nft", f"add element ip tidegate lost {{ {_addresses(node)} }}"]


def join(node: Node) -> list[str]:
    """The command that undoes `cut`."""
    return ["nft", f"delete element ip tidegate lost {{ {_addresses(node)} }}"]


def _addresses(node: Node) -> str:
    # Node 1's own address is the API server's as well: it stays, else losing node 1 would lose the cluster.
    return node.pod_cidr if node.number == 1 else f"{node.ip}, {node.pod_cidr}"


def _feed(argv: list[str], text: str) -> None:
    subprocess.run(argv, input=text, text=True, check=True)
