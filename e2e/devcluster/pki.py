"""The cluster's certificates and kubeconfigs, made with the openssl command in a third of a second."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .settings import API_URL, KUBERNETES_SERVICE_IP, SERVER_IP, Node, Settings

CLIENT = "extendedKeyUsage=clientAuth"
SERVER_NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]


@dataclass(frozen=True)
class Identity:
    """A certificate: its file's name, its subject, the CA that signs it, and X.509 extensions."""

    name: str
    subject: str
    extensions: str = CLIENT
    authority: str = "ca"


def identities(nodes: Sequence[Node]) -> list[Identity]:
    """Everybody who speaks to the API server, with the names that its stock roles are bound to."""
    server = f"subjectAltName=DNS:localhost,IP:127.0.0.1,IP:{SERVER_IP},IP:{KUBERNETES_SERVICE_IP}"
    server += "".join(f",DNS:{name}" for name in SERVER_NAMES)
    return [
        Identity("apiserver", "/CN=kube-apiserver", f"extendedKeyUsage=serverAuth\n{server}"),
        Identity("apiserver-kubelet", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
        Identity("front-client", "/CN=front-proxy-client", authority="front"),
        Identity("admin", "/O=system:masters/CN=admin"),
        Identity("storage", "/O=system:masters/CN=storage"),
        Identity("controller-manager", "/CN=system:kube-controller-manager"),
        Identity("scheduler", "/CN=system:kube-scheduler"),
        Identity("proxy", "/CN=system:kube-proxy"),
        Identity("dns", "/O=system:masters/CN=dns"),
        *(_node_identity(node) for node in nodes),
    ]


def _node_identity(node: Node) -> Identity:
    usage = f"extendedKeyUsage=clientAuth,serverAuth\nsubjectAltName=IP:{node.ip},DNS:{node.name}"
    return Identity(node.name, f"/O=system:nodes/CN=system:node:{node.name}", usage)


def create(settings: Settings) -> None:
    """Write all keys, certificates and kubeconfigs; raises CalledProcessError with openssl's own words."""
    folder = settings.pki
    folder.mkdir(parents=True, mode=0o700)
    wanted = identities(settings.all_nodes)
    _authority(folder, "ca", "kubernetes-ca")
    _authority(folder, "front", "front-proxy-ca")
    with ThreadPoolExecutor(4) as pool:
        signing_key = pool.submit(_openssl, folder, "genrsa", "-out", "sa.key", "2048")
        list(pool.map(lambda identity: _issue(folder, identity), wanted))
        signing_key.result()
    settings.kubeconfig("").mkdir()
    for identity in wanted:
        write_kubeconfig(folder, identity.name, API_URL, settings.kubeconfig(identity.name))


def write_kubeconfig(folder: Path, user: str, server: str, target: Path) -> None:
    """A kubeconfig with its certificates inside, so that it can be copied elsewhere. JSON is YAML too."""

    def embedded(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    cluster = {"server": server, "certificate-authority-data": embedded("ca.crt")}
    credentials = {
        "client-certificate-data": embedded(f"{user}.crt"),
        "client-key-data": embedded(f"{user}.key"),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "devcluster", "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "devcluster", "context": {"cluster": "devcluster", "user": user}}],
        "current-context": "devcluster",
    }
    target.touch(mode=0o600)
    target.write_text(json.dumps(config, indent=1))


def _authority(folder: Path, name: str, common_name: str) -> None:
    usage = "keyUsage=critical,keyCertSign,digitalSignature,cRLSign"
    _key(folder, name)
    _openssl(folder, "req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/CN={common_name}",
             "-days", "365", "-out", f"{name}.crt", "-addext", usage)  # fmt: skip


def _issue(folder: Path, identity: Identity) -> None:
    name, authority = identity.name, identity.authority
    _key(folder, name)
    extensions = folder / f"{name}.ext"
    extensions.write_text(f"keyUsage=critical,digitalSignature\n{identity.extensions}\n")
    _openssl(folder, "req", "-new", "-key", f"{name}.key", "-subj", identity.subject, "-out", f"{name}.csr")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
             "-days", "365", "-out", f"{name}.crt", "-extfile", extensions.name)  # fmt: skip


def _key(folder: Path, name: str) -> None:
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, text=True)
