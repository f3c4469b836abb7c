"""A certificate authority of our own, made with the openssl command, and servers that show its certificates."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

CURVE = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


class Authority:
    """One that providers are verified with, in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder, self._name = folder, name
        folder.mkdir(exist_ok=True)
        self._openssl("req", "-x509", "-newkey", *CURVE, "-nodes", "-days", "2", "-subj", f"/CN={name}",
                      "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return (self._folder / f"{self._name}.pem").read_bytes()

    def server(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """What a server for these names, such as `DNS:localhost`, shows; with -1 days it has expired."""
        certificate, key = self.files(*names, days=days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    def files(self, *names: str, days: int = 1) -> tuple[Path, Path]:
        """The same as files: the certificate, and its key."""
        stem = f"{self._name}-{len(list(self._folder.iterdir()))}"
        self._openssl(
            "req", "-newkey", *CURVE, "-nodes", "-subj", "/CN=server", "-keyout", f"{stem}.key", "-out", f"{stem}.csr"
        )
        (self._folder / f"{stem}.ext").write_text("subjectAltName=" + ",".join(names))
        self._openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", f"{self._name}.pem", "-CAkey", f"{self._name}.key",
                      "-CAcreateserial", "-days", str(days), "-extfile", f"{stem}.ext", "-out", f"{stem}.pem")  # fmt: skip
        return self._folder / f"{stem}.pem", self._folder / f"{stem}.key"

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)
