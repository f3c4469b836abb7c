"""Clients that show a token of an issuer, against a real Envoy: who is let in, as whom, and what others are told."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.envoy.conftest import Engine, Engines, RealEnvoy, config, sticky
from tests.envoy.waiting import until
from tests.support.tokens import URL, Issuer
from tidegate.brain.native import built
from tidegate.contract.browsers import Cors
from tidegate.contract.clients import Tokens
from tidegate.contract.jwks import public
from tidegate.contract.observation import Observation
from tidegate.envoy.clients import NOT_READ, Clients
from tidegate.names import CLIENT_HEADER

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(not built(), reason="no native filters, and Lua knows no clients: make native, where cargo is"),
]
CHAT, BODY = "/v1/chat/completions", {"model": "chat", "messages": []}
ISSUER, STRANGER = Issuer(), Issuer()
WANTED = Tokens(issuer=URL, audiences=("tidegate", "other"), client_claim="sub", jwks=ISSUER.jwks())
KNOWN = Clients(jwks=public(ISSUER.jwks()))


def offer(envoy: RealEnvoy, engine: Engine, clients: Clients = KNOWN, tokens: Tokens = WANTED, **changes: Any) -> None:
    """One model, and clients with tokens; every request has a line in the log."""
    made = config({"chat": {"a": 1}}, tokens=tokens, observation=Observation(log_lines=100), **changes)
    envoy.offer(made, {"a": [engine]}, clients)


@pytest.fixture
def engine(engines: Engines) -> Engine:
    """The only one."""
    return engines.start()


@pytest.fixture
def guarded(envoy: RealEnvoy, engine: Engine) -> RealEnvoy:
    """A router that lets in clients of ISSUER."""
    offer(envoy, engine)
    return envoy


def ask(envoy: RealEnvoy, path: str = CHAT, **headers: str) -> httpx.Response:
    """One request with these headers."""
    return envoy.client.post(path, json=BODY, headers={k.replace("_", "-"): v for k, v in headers.items()})


def bearer(token: str) -> dict[str, str]:
    """As OpenAI's libraries show it."""
    return {"authorization": f"Bearer {token}"}


def last_client(envoy: RealEnvoy, lines: int) -> Any:
    """Whom the newest line of the log names, when there are so many."""

    def found() -> list[str] | None:
        text = (Path(envoy.start.run_dir) / "envoy.log").read_text()
        logged = [line for line in text.splitlines() if line.startswith("{")]
        return logged if len(logged) >= lines else None

    return json.loads(until(found)[-1])["client_id"]


def test_clients_are_let_in_by_either_header_and_signature(guarded: RealEnvoy, engine: Engine) -> None:
    assert ask(guarded, **bearer(ISSUER.token())).status_code == 200
    assert last_client(guarded, 1) == "acme"
    assert ask(guarded, x_api_key=ISSUER.token(curve=True, sub="me@example.com")).status_code == 200
    assert last_client(guarded, 2) == "me@example.com"
    assert ask(guarded, **bearer(ISSUER.token(aud=["x", "other"]))).status_code == 200
    for headers in engine.headers:
        assert not headers.keys() & {"authorization", "x-api-key", CLIENT_HEADER}, "engines see no tokens"


def test_what_needs_none(guarded: RealEnvoy) -> None:
    assert guarded.client.get("/healthz").status_code == 200
    assert guarded.client.get("/v1/models").status_code == 401
    assert guarded.client.get("/v1/models", headers=bearer(ISSUER.token())).status_code == 200


def _forged() -> str:
    """Signed by nobody, with the right head and claims."""
    head, claims, _ = ISSUER.token().split(".")
    return f"{head}.{claims}.{base64.urlsafe_b64encode(b'x' * 256).rstrip(b'=').decode()}"


def _by_key(name: str) -> str:
    """HS256 with the public key as the secret: what a verifier that trusts `alg` lets in."""
    return ISSUER.token(head={"alg": name})


def _unsigned() -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.{ISSUER.token().split('.')[1]}."


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (ISSUER.token(exp=1_000_000_060), "has expired"),
        (ISSUER.token(exp=None), "not valid here"),
        (ISSUER.token(nbf=32_503_680_000), "not valid yet"),
        (ISSUER.token(aud="another"), "audience"),
        (ISSUER.token(aud=None), "audience"),
        (ISSUER.token(iss="https://evil.example.com/"), "another issuer"),
        (STRANGER.token(), "not valid here"),
        (_forged(), "not valid here"),
        (_unsigned(), "not valid here"),
        (_by_key("HS256"), "not valid here"),
        (_by_key("none"), "not valid here"),
        ("garbage", "not valid here"),
        ("a.b.c", "not valid here"),
        (ISSUER.token(sub=None), "does not say whose it is"),
        (ISSUER.token(sub=""), "does not say whose it is"),
        (ISSUER.token(sub="two words"), "has spaces"),
        (ISSUER.token(sub="x" * 254), "253 characters at most"),
        (ISSUER.token(sub="tab\tular"), "has control characters"),
        (ISSUER.token(sub="zoë"), "has control characters, or others that are not ASCII"),
        (ISSUER.token(sub="two\nlines"), "has control characters"),
        (ISSUER.token(sub="nul\0"), "has control characters"),
        (ISSUER.token(sub={"a": 1}), "a claim of the wrong kind"),
        (ISSUER.token(sub=7), "a claim of the wrong kind"),
    ],
)
def test_others_are_not(guarded: RealEnvoy, engine: Engine, token: str, says: str) -> None:
    refused = ask(guarded, **bearer(token))
    assert refused.status_code == 401
    assert says in refused.json()["error"]["message"]
    assert token not in refused.text
    assert not engine.bodies


def test_without_a_token(guarded: RealEnvoy, engine: Engine) -> None:
    openai, anthropic = ask(guarded), ask(guarded, "/v1/messages")
    assert (openai.status_code, anthropic.status_code) == (401, 401)
    assert "No token was shown" in openai.json()["error"]["message"]
    assert openai.json()["error"]["code"] == "invalid_api_key", "as for a key that is nobody's"
    assert anthropic.json()["type"] == "error"
    assert anthropic.json()["error"]["type"] == "authentication_error"
    assert ask(guarded, f"{CHAT}?access_token={ISSUER.token()}").status_code == 401, "addresses end in logs"
    assert ask(guarded, **{CLIENT_HEADER: "acme"}).status_code == 401, "nobody says himself who he is"
    assert not engine.bodies


def test_while_the_keys_are_unknown_nobody_is_let_in(envoy: RealEnvoy, engine: Engine) -> None:
    offer(envoy, engine, NOT_READ)
    refused = ask(envoy, **bearer(ISSUER.token()))
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert not engine.bodies


def test_keys_that_are_replaced(envoy: RealEnvoy, engine: Engine) -> None:
    """An issuer publishes the next key before it signs with it, and takes the old one away when nothing is signed with it."""
    new = Issuer("2")
    offer(envoy, engine)
    both = json.dumps({"keys": json.loads(ISSUER.jwks())["keys"] + json.loads(new.jwks())["keys"]})
    assert ask(envoy, **bearer(new.token())).status_code == 401
    offer(envoy, engine, Clients(jwks=public(both)))
    assert [ask(envoy, **bearer(issuer.token())).status_code for issuer in (ISSUER, new)] == [200, 200]
    offer(envoy, engine, Clients(jwks=public(new.jwks())))
    assert [ask(envoy, **bearer(issuer.token())).status_code for issuer in (ISSUER, new)] == [401, 200]


def test_a_claim_inside_another(envoy: RealEnvoy, engine: Engine) -> None:
    offer(envoy, engine, tokens=WANTED.model_copy(update={"client_claim": "org.id"}))
    assert ask(envoy, **bearer(ISSUER.token(org={"id": "globex"}))).status_code == 200
    assert last_client(envoy, 1) == "globex"
    assert ask(envoy, **bearer(ISSUER.token())).status_code == 401


def test_browsers_may_ask_in_advance(envoy: RealEnvoy, engine: Engine) -> None:
    page = "https://chat.example.com"
    offer(envoy, engine, cors=Cors(allow_origins=(page,)))
    asked = {"origin": page, "access-control-request-method": "POST"}
    allowed = envoy.client.options(CHAT, headers=asked)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == page
    refused = ask(envoy, origin=page)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, page)


def test_a_client_stays_with_one_target_whatever_its_token_is(envoy: RealEnvoy, engines: Engines) -> None:
    """As with keys: tokens change every hour, and many clients may come from one address."""
    wanted = sticky(config({"chat": {"a": 1, "b": 1}}, tokens=WANTED), "authorization", "x-api-key", address=True)
    envoy.offer(wanted, {"a": [engines.start()], "b": [engines.start()]}, Clients(jwks=public(ISSUER.jwks())))

    def asked(user: int) -> str:
        answer = ask(envoy, **bearer(ISSUER.token(sub=f"user-{user}", jti=secrets.token_hex(4))))
        return answer.headers["x-tidegate-backend"]

    first = {user: asked(user) for user in range(20)}
    assert set(first.values()) == {"a", "b"}
    assert {user: asked(user) for user in range(20)} == first
