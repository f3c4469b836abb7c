"""`tidegate explain`: who answers a model, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.cli.explain import explain

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SAID = """\
RoutingPolicy/front-door: chat takes route chat
  asked by  clients with a key in Secret chat-keys
  first     small               90%  ModelDeployment llama-3-8b, whose engines call it llama-3-8b
  first     large               10%  ModelDeployment qwen-32b, whose engines call it qwen-32b
  then      hosted                   https://api.openai.com/v1, which calls it gpt-4o-mini, with the key token of Secret openai, through http://proxy.example.com:3128
  at last   503 The service is busy. Please try again in a minute.
  cache     CacheTier shared
  again     the first ones 2 times more, after 429, 503, no connection, a reset
  time      request 10m, firstToken 60s
  breaker   left alone for 60s after 5 answers of 5xx in a row
  limit     rps              20 requests in 1m of each client
  limit     tokens           40000 tokens in 1m of each client, 1 overrides
  limit     day              10000 requests in 24h of each client, 1 overrides
"""


def said(capsys: pytest.CaptureFixture[str], model: str, *files: str) -> tuple[int, str]:
    code = explain([str(EXAMPLES / file) for file in files], model)
    printed = capsys.readouterr()
    return code, printed.out or printed.err


def test_a_chain(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "chat", "routingpolicy.yaml", "modeldeployment.yaml") == (0, SAID)


def test_an_adapter(capsys: pytest.CaptureFixture[str]) -> None:
    _, words = said(capsys, "support", "routingpolicy.yaml")
    assert "small              100%  ModelDeployment llama-3-8b, whose engines call it support-tone" in words


def test_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    words = said(capsys, "chat", "provider.yaml")[1]
    assert "asked by  everybody who reaches the router" in words
    assert "limit     none" in words


def test_tokens(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    jwt = "jwt: {issuer: 'https://issuer.example', audiences: [chat], jwks: {url: 'https://issuer.example/jwks'}}"
    (tmp_path / "policy.yaml").write_text(
        (EXAMPLES / "provider.yaml").read_text().replace("anonymous: {allowExternal: true}", jwt)
    )
    assert explain([str(tmp_path)], "chat") == 0
    assert "asked by  clients with a token of https://issuer.example" in capsys.readouterr().out


def test_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "nope", "routingpolicy.yaml") == (
        1, "no route has the model nope; there are chat, gpt-4o-mini, judge, support\n"
    )  # fmt: skip
    assert said(capsys, "chat", "modeldeployment.yaml") == (1, "no route has the model chat; there are none\n")


def test_what_cannot_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert said(capsys, "chat", "nothing.yaml")[0] == 2
    wrong = tmp_path / "policy.yaml"
    wrong.write_text((EXAMPLES / "provider.yaml").read_text().replace("allowExternal: true", ""))
    code = explain([str(wrong)], "chat")
    assert (code, "allowExternal" in capsys.readouterr().err) == (1, True)
