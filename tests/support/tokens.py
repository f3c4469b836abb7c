"""An issuer of tokens (RFC 7519), signed with RS256 or ES256, and the keys that it publishes (RFC 7517)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

URL = "https://login.example.com/"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int, size: int = 0) -> str:
    return _base64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@dataclass
class Issuer:
    """One with an RSA key and a key of a curve."""

    name: str = "1"
    rsa: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    curve: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def jwks(self, *, private: bool = False) -> str:
        """What it publishes; `private` by mistake with what nobody may know."""
        one, other = self.rsa.public_key().public_numbers(), self.curve.public_key().public_numbers()
        keys: list[dict[str, Any]] = [
            {
                "kty": "RSA",
                "alg": "RS256",
                "use": "sig",
                "kid": f"rsa{self.name}",
                "n": _number(one.n),
                "e": _number(one.e),
            },
            {
                "kty": "EC",
                "alg": "ES256",
                "crv": "P-256",
                "kid": f"ec{self.name}",
                "x": _number(other.x, 32),
                "y": _number(other.y, 32),
            },
        ]
        if private:
            keys[0]["d"] = _number(self.rsa.private_numbers().d)
        return json.dumps({"keys": keys})

    def token(self, *, curve: bool = False, head: dict[str, Any] | None = None, **claims: Any) -> str:
        """Good for an hour from 2001 until 3000 unless claims say otherwise; one that is None is left out."""
        kid = f"{'ec' if curve else 'rsa'}{self.name}"
        header = {"alg": "ES256" if curve else "RS256", "typ": "JWT", "kid": kid, **(head or {})}
        body = {"iss": URL, "aud": "tidegate", "sub": "acme", "iat": 1_000_000_000, "exp": 32_503_680_000, **claims}
        body = {name: value for name, value in body.items() if value is not None}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, body))
        return f"{signed}.{_base64(self._sign(signed.encode(), curve=curve))}"

    def _sign(self, data: bytes, *, curve: bool) -> bytes:
        if not curve:
            return self.rsa.sign(data, padding.PKCS1v15(), SHA256())
        r, s = decode_dss_signature(self.curve.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
