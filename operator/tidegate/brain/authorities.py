"""Whom this machine trusts: the same for providers, which Envoy verifies, and for issuers of tokens, which the brain reads."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

import certifi

_MACHINES: Final = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
)  # fmt: skip
"""Where Debian, Fedora, SUSE, and Alpine and macOS keep the certificates that a machine trusts."""


def machines() -> bytes:
    """Certificates in PEM: the file that SSL_CERT_FILE names, else the machine's own, else those of Mozilla."""
    named = ssl.get_default_verify_paths().cafile
    found = (Path(path) for path in (named, *_MACHINES, certifi.where()) if path)
    return next(path.read_bytes() for path in found if path.is_file())


def context(authorities: bytes) -> ssl.SSLContext:
    """Of a client that trusts these, or whom the machine trusts where there are none. Raises ssl.SSLError or ValueError."""
    return ssl.create_default_context(cadata=(authorities or machines()).decode())
