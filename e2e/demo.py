"""`make demo`: from nothing to a streamed chat answer on a real Kubernetes cluster, said step by step."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openai import OpenAI
from openai.types.chat import ChatCompletionUserMessageParam

from e2e import monitoring
from e2e.devcluster import Cluster
from e2e.install import install_chart
from e2e.vllm import quickstart as vllm

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "examples/quickstart.yaml"
READY_SECONDS = 300
SIMULATED = " (the engine is a simulator: its words mean nothing)"


def main() -> int:
    """Runs the demo; the cluster stays up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="dev", help="name of the dev cluster")
    parser.add_argument("--engine", choices=["sim", "vllm"], default="sim", help="what runs as the image of vLLM")
    arguments = parser.parse_args()
    os.environ |= {"TIDEGATE_ENGINE": arguments.engine, "TIDEGATE_VLLM_HOME": str(vllm.home())}
    step = _Steps()
    cluster = Cluster.start(arguments.name, nodes=2, gpus=4)
    step("a real Kubernetes cluster runs: 2 nodes of 4 GPUs")
    with ThreadPoolExecutor() as beside:
        watching = beside.submit(monitoring.start, cluster)
        url = _first_answer(cluster, arguments.engine, step)
        prometheus = watching.result().url
    step("Prometheus watches routers, engines and operator")
    print(cluster.kubectl("get", "mdep,rpol"))
    print(_look_around(cluster, url, prometheus, arguments.name))
    return 0


def _first_answer(cluster: Cluster, engine: str, step: _Steps) -> str:
    """From an empty cluster to an answer; returns the router's address."""
    install_chart(cluster, *monitoring.settings(5))
    step("CRDs and operator are installed from charts/tidegate by Helm")
    cluster.apply(vllm.manifests() if engine == "vllm" else QUICKSTART.read_text())
    wait = ("wait", "--for=condition=Ready", "mdep/qwen", "rpol/chat", f"--timeout={READY_SECONDS}s")
    cluster.kubectl(*wait, timeout=READY_SECONDS + 10)
    step("the quickstart is applied and Ready")
    url = cluster.forward("default", "chat-router", 80)
    _ask(url)
    step("a streamed answer came through the router" + SIMULATED * (engine == "sim"))
    return url


class _Steps:
    def __init__(self) -> None:
        self._begin = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"{time.monotonic() - self._begin:6.1f} s  {text}", flush=True)


def _ask(url: str) -> None:
    """One streamed chat request, printed as it arrives, with who answered."""
    client = OpenAI(base_url=f"{url}/v1", api_key="anonymous", max_retries=5)
    question: ChatCompletionUserMessageParam = {"role": "user", "content": "Say hello to the harbour."}
    chat = client.chat.completions.with_streaming_response
    with chat.create(model="chat", messages=[question], stream=True, max_tokens=24) as answer:
        headers = answer.headers
        print("  answer:   ", end="")
        for chunk in answer.parse():
            print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)
    print(f"\n  backend:  {headers['x-tidegate-backend']}\n  revision: {headers['x-tidegate-revision']}")


def _look_around(cluster: Cluster, url: str, prometheus: str, name: str) -> str:
    return f"""Look around (the cluster stays up):
  export KUBECONFIG={cluster.kubeconfig} PATH={ROOT}/.venv/bin:$PATH
  kubectl get tidegate,pods                          every model and policy, and their Pods
  kubectl describe mdep qwen                         conditions and Events
  kubectl logs -n tidegate-system deploy/tidegate    the operator
  kubectl logs deploy/chat-router -c brain           a router's brain
  curl {url}/v1/models
  curl {url}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"model": "chat", "messages": [{{"role": "user", "content": "Hi"}}]}}'
  curl {prometheus}/api/v1/query \\
    --data-urlencode 'query=sum by (model, revision, outcome) (tidegate_requests_total)'
Stop it:
  make cluster-down NAME={name}"""


if __name__ == "__main__":
    sys.exit(main())
