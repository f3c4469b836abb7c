"""What is the matter with the certificate that Envoy shows: Envoy itself goes on with the last good one, and says so only in its log."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from tidegate.envoy import tls


def unusable(folder: str) -> str:
    """Why what is in the folder can be shown to nobody; empty when it can be, or when no folder is named."""
    if not folder:
        return ""
    certificate, key = (Path(folder) / file for file in (tls.CERTIFICATE, tls.KEY))
    if missing := [file.name for file in (certificate, key) if not file.is_file()]:
        return f"has no entry {' and no entry '.join(missing)}; a Secret of type kubernetes.io/tls has both"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_none)
    except ssl.SSLError as error:
        return f"{tls.CERTIFICATE} and {tls.KEY} cannot be used: {_words(error)}"
    return ""


def _none() -> str:
    """Nobody is here to be asked for a password."""
    return ""


def _words(error: ssl.SSLError) -> str:
    """OpenSSL's reason without its numbers; where it has none, the file is no PEM at all."""
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is another certificate's"
    return (error.reason or "no PEM, or an encrypted key").replace("_", " ").lower()


def over(expires: float, now: float) -> str:
    """That the certificate which is shown has run out; `expires` and `now` in Unix seconds, 0 is none."""
    if not expires or now < expires:
        return ""
    return f"the certificate that is shown has run out on {datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M} UTC"
