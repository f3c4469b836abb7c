"""manifests/monitoring/rules: every recorded series, its labels and its value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.promtool import check_rules

pytestmark = pytest.mark.cluster
RULES = Path(__file__).resolve().parents[2] / "manifests/monitoring/rules"
WHERE: Final = 'backend="small",namespace="ml",pod="r-0",policy="chat",revision="0a1b2c3d",route="main"'
NOBODY: Final = 'backend="",model="",namespace="ml",pod="r-0",policy="chat",revision="",route=""'
"""What the router answered itself: no rule may take it."""
OTEL: Final = f'{WHERE},gen_ai_provider_name="vllm",gen_ai_request_model="qwen",model="qwen"'
PLAIN: Final = f'{WHERE},model="qwen"'
HISTOGRAMS: Final = {
    "gen_ai_server_request_duration_seconds": ("tidegate_request_duration_seconds", OTEL),
    "gen_ai_server_time_to_first_token_seconds": ("tidegate_time_to_first_token_seconds", OTEL),
    "gen_ai_server_time_per_output_token_seconds": ("tidegate_time_per_output_token_seconds", OTEL),
    "llm_request_duration_seconds": ("tidegate_request_duration_seconds", PLAIN),
}
PARTS: Final = {"_bucket": ',le="0.1"', "_count": "", "_sum": ""}
TYPES: Final = {"prompt": "input", "completion": "output"}
STATUSES: Final = {
    "ok": "success", "error": "error", "client_error": "client_error", "cancelled": "cancelled", "shed": "shed"
}  # fmt: skip
Row = tuple[str, str, str]
"""What is recorded, its labels, and the series that it comes from."""


def _rows() -> list[Row]:
    histograms = [
        (f"{name}{part}", f"{labels}{le}", f'{source}{part}{{{WHERE},model="qwen"{le}}}')
        for name, (source, labels) in HISTOGRAMS.items()
        for part, le in PARTS.items()
    ]
    return [*histograms, *_tokens(), *_requests()]


def _tokens() -> list[Row]:
    rows: list[Row] = []
    for ours, theirs in TYPES.items():
        source = f'tidegate_tokens_total{{{WHERE},model="qwen",type="{ours}"}}'
        rows.append(("gen_ai_client_token_usage_sum", f'{OTEL},gen_ai_token_type="{theirs}"', source))
        rows.append(("llm_tokens_total", f'{PLAIN},direction="{theirs}",type="{theirs}"', source))
    return rows


def _requests() -> list[Row]:
    source = f'tidegate_requests_total{{{WHERE},model="qwen",outcome="'
    return [
        ("llm_requests_total", f'{PLAIN},status="{status}"', f'{source}{outcome}"}}')
        for outcome, status in STATUSES.items()
    ]


def _series() -> dict[str, str]:
    """Each another value at each look; what nobody answered, and cached tokens, must not be in any."""
    told = sorted({source for _, _, source in _rows()})
    cached = f'tidegate_tokens_total{{{WHERE},model="qwen",type="cached"}}'
    nobody = [source.replace(f'{WHERE},model="qwen"', NOBODY) for source in told]
    return {source: f"{number}+100x20" for number, source in enumerate([*told, cached, *nobody], 1)}


def _expected(name: str) -> list[dict[str, Any]]:
    values = {source: int(values.split("+")[0]) + 100 * 4 for source, values in _series().items()}
    return [
        {"labels": f"{name}{{{labels}}}", "value": values[source]} for what, labels, source in _rows() if what == name
    ]


@pytest.mark.parametrize("name", sorted({name for name, _, _ in _rows()}))
def test_its_value_is_the_routers_own(name: str, tmp_path: Path) -> None:
    """At 60 s, the fifth of the samples that come every 15 s."""
    file = RULES / ("gen-ai.yaml" if name.startswith("gen_ai_") else "plain-names.yaml")
    looks = [{"expr": name, "eval_time": "1m", "exp_samples": _expected(name)}]
    check_rules(tmp_path, file, _series(), "15s", promql_expr_test=looks)


def test_every_rule_is_tested() -> None:
    files = [yaml.safe_load((RULES / name).read_text()) for name in ("gen-ai.yaml", "plain-names.yaml")]
    recorded = {rule["record"] for file in files for group in file["groups"] for rule in group["rules"]}
    assert recorded == {name for name, _, _ in _rows()}
