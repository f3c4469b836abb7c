"""Promise: the quickstart answers with a real vLLM too (`make e2e-vllm`)."""

from __future__ import annotations

import pytest
from openai import OpenAI

from e2e.devcluster import Cluster
from e2e.install import install_chart
from e2e.vllm import quickstart

pytestmark = pytest.mark.vllm


def test_a_real_vllm_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_ENGINE", "vllm")
    monkeypatch.setenv("TIDEGATE_VLLM_HOME", str(quickstart.home()))
    with Cluster.start("vllm") as cluster:
        install_chart(cluster)
        cluster.apply(quickstart.manifests())
        cluster.kubectl("wait", "--for=condition=Ready", "mdep/qwen", "rpol/chat", "--timeout=240s", timeout=250)
        client = OpenAI(base_url=f"{cluster.forward('default', 'chat-router', 80)}/v1", api_key="none", max_retries=5)
        whole = client.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "Hi"}], max_tokens=5, extra_body={"ignore_eos": True}
        )
        assert whole.model == "qwen"
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 5
        chunks = client.chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "Hi"}], max_tokens=5, stream=True
        )
        usages = [chunk.usage for chunk in chunks]
        assert all(usage is not None for usage in usages), "--enable-force-include-usage puts usage into every chunk"
