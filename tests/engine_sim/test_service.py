"""What flags and fields do, seen through the API."""

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.engine_sim.support import Sim, chat_body, running

LORA = (
    "--enable-lora", "--max-loras", "2",
    "--lora-modules", "french=/adapters/french", '{"name": "german", "path": "/adapters/german"}', '[{"name":"x","path":"/x"}]',
)  # fmt: skip


@pytest.fixture(scope="module")
def lora() -> Iterator[Sim]:
    with running("--served-model-name", "tiny", *LORA, SPEED=10) as sim:
        yield sim


def test_answers_repeat_and_aliases_are_named_by_the_first_name(sim: Sim) -> None:
    one, other = (sim.chat("Tell me more", model=name).json() for name in ("tiny", "tiny-alias"))
    assert one["choices"] == other["choices"]
    assert one["model"] == other["model"] == "tiny"
    assert sim.chat("Tell me more").json()["choices"] == one["choices"]
    assert one["id"] != other["id"]


def test_a_stream_says_the_same(sim: Sim) -> None:
    whole = sim.chat("Tell me more").json()["choices"][0]
    *chunks, done = sim.chat("Tell me more", stream=True).events()
    assert done == "[DONE]"
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == whole["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["finish_reason"] == "stop"


def test_usage_in_streams_only_when_asked_for(sim: Sim) -> None:
    plain = sim.chat(stream=True, max_tokens=3).events()
    assert not any("usage" in chunk for chunk in plain[:-1])
    assert "system_fingerprint" in plain[-2]
    asked = sim.chat(stream=True, max_tokens=3, stream_options={"include_usage": True}).events()
    assert [chunk.get("usage") is not None for chunk in asked[:-1]] == [False] * 4 + [True]
    assert asked[-2]["choices"] == []
    assert asked[-2]["usage"]["completion_tokens"] == 3


def test_several_answers_to_several_prompts(sim: Sim) -> None:
    chat = sim.chat(n=3, max_tokens=5).json()
    assert [choice["index"] for choice in chat["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in chat["choices"]}) == 3
    assert chat["usage"]["completion_tokens"] == 15
    body = sim.post("/v1/completions", {"prompt": ["one", "two", [300, 301]], "n": 2, "max_tokens": 4}).json()
    assert [choice["index"] for choice in body["choices"]] == list(range(6))
    assert body["usage"] == {
        "prompt_tokens": 4, "total_tokens": 28, "completion_tokens": 24,
        "prompt_tokens_details": None, "completion_tokens_details": None,
    }  # fmt: skip


def test_n_and_the_longest_answer_are_counted_once_per_prompt() -> None:
    with running(SPEED=10) as sim:
        content = "Tell me more"
        alone = [sim.chat(content, n=n).json()["usage"]["completion_tokens"] for n in (1, 2)]
        lengths = [alone[0], alone[1] - alone[0]]
        assert lengths[0] != lengths[1]
        assert sim.metric("vllm:request_params_n_sum") == 1 + 2
        assert sim.metric("vllm:request_params_n_count") == 2
        assert sim.metric("vllm:request_max_num_generation_tokens_sum") == lengths[0] + max(lengths)


def test_lengths(sim: Sim) -> None:
    assert sim.post("/v1/completions", {"prompt": "hi"}).json()["usage"]["completion_tokens"] == 16
    chat = sim.chat("Tell me more").json()
    assert 16 <= chat["usage"]["completion_tokens"] <= 64
    assert sim.chat(max_completion_tokens=7).json()["usage"]["completion_tokens"] == 7
    word = chat["choices"][0]["message"]["content"].split()[3]
    stopped = sim.chat("Tell me more", stop=word).json()["choices"][0]
    assert (stopped["finish_reason"], stopped["stop_reason"]) == ("stop", word)
    assert word not in stopped["message"]["content"]
    message = sim.post(
        "/v1/messages", chat_body("Tell me more", model="tiny", max_tokens=99, stop_sequences=[word])
    ).json()
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", word)


def test_instructions_and_systems_count(sim: Sim) -> None:
    lone = sim.post("/v1/responses", {"input": "hi", "max_output_tokens": 1}).json()
    more = sim.post("/v1/responses", {"input": "hi", "max_output_tokens": 1, "instructions": "Be kind"}).json()
    assert more["usage"]["input_tokens"] > lone["usage"]["input_tokens"]
    assert more["instructions"] == "Be kind"


def test_the_context_is_limited(sim: Sim) -> None:
    beyond = sim.post("/v1/completions", {"prompt": [300] * 1025})
    assert beyond.status == 400
    assert "maximum context length is 1024 tokens" in beyond.json()["error"]["message"]
    assert sim.post("/v1/completions", {"prompt": [300] * 1024}).status == 400
    nearly = sim.post("/v1/completions", {"prompt": [300] * 1020, "max_tokens": 100}).json()
    assert nearly["usage"]["completion_tokens"] == 4


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{}", "body.messages"),
        (b"[]", "body"),
        (b'{"messages": [], "max_tokens": "x"}', "body.max_tokens"),
        (b"\xff", None),
        (b"NaN", "body.0"),
    ],
)
def test_bodies_that_do_not_parse(sim: Sim, body: bytes, param: str | None) -> None:
    answer = sim.request("POST", "/v1/chat/completions", body)
    assert (answer.status, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": "hi"}),
        ("/v1/chat/completions", {"messages": [1]}),
        ("/v1/chat/completions", chat_body(stop=5)),
        ("/v1/chat/completions", chat_body(stream=True, stream_options=3)),
        ("/v1/completions", {"prompt": ""}),
        ("/v1/completions", {"prompt": []}),
        ("/v1/completions", {"prompt": [[]]}),
        ("/v1/completions", {"prompt": {"a": 1}}),
        ("/v1/responses", {"input": 5}),
        ("/v1/messages", {"model": "tiny", "messages": 5, "max_tokens": 5}),
        ("/detokenize", {"tokens": ["a"]}),
    ],
)
def test_bodies_of_an_unexpected_shape(sim: Sim, path: str, body: dict[str, object]) -> None:
    answer = sim.post(path, body)
    assert answer.status == 400
    assert "error" in answer.json()
    assert sim.state()["in_flight"] == 0


def test_bodies_must_be_json(sim: Sim) -> None:
    answer = sim.request("POST", "/v1/chat/completions", b"{}", {"content-type": "text/plain"})
    assert answer.json()["error"]["message"].endswith("Only 'application/json' is allowed")


def test_tokens_and_back(sim: Sim) -> None:
    tokens = sim.post("/tokenize", {"prompt": "Hello, wörld", "return_token_strs": True}).json()
    assert tokens["count"] == len(tokens["tokens"]) == len(tokens["token_strs"])
    assert sim.post("/detokenize", {"tokens": tokens["tokens"]}).json() == {"prompt": "Hello, wörld"}
    assert sim.post("/tokenize", {}).status == 400


def test_adapters_are_models(lora: Sim) -> None:
    cards = lora.get("/v1/models").json()["data"]
    listed = [(card["id"], card["root"], card["parent"], card["max_model_len"]) for card in cards]
    assert listed == [
        ("tiny", "./tiny", None, 32768),
        ("french", "/adapters/french", "tiny", None),
        ("german", "/adapters/german", "tiny", None),
        ("x", "/x", "tiny", None),
    ]
    french, base = (lora.chat(model=name).json() for name in ("french", "tiny"))
    assert french["model"] == "french"
    assert french["choices"][0]["message"]["content"] != base["choices"][0]["message"]["content"]
    assert lora.chat(model="spanish").json()["error"]["message"].endswith("Valid aliases: tiny.")


def test_adapters_in_metrics(lora: Sim) -> None:
    with lora.start("/v1/chat/completions", chat_body(model="french", max_tokens=20_000, ignore_eos=True)):
        lora.wait_until(running=1)
        info = 'vllm:lora_requests_info{max_lora="2",running_lora_adapters="french",waiting_lora_adapters=""}'
        assert lora.metric(info) > 0


def test_the_prefix_cache_shows() -> None:
    prompt = "a long shared beginning " * 20
    with running("--enable-prompt-tokens-details", "--block-size", "32", SPEED=10) as sim:
        first, second = (sim.chat(prompt + end, max_tokens=1).json()["usage"] for end in ("one", "two"))
        assert first["prompt_tokens_details"]["cached_tokens"] == 0
        cached = second["prompt_tokens_details"]["cached_tokens"]
        assert cached == second["prompt_tokens"] // 32 * 32
        assert sim.metric("vllm:prefix_cache_hits_total") == cached
        assert sim.metric("vllm:prefix_cache_queries_total") == first["prompt_tokens"] * 2
        assert sim.metric("vllm:prompt_tokens_cached_total") == cached
        info = sim.get("/metrics").body.decode()
        assert 'block_size="32"' in info
        assert 'user_specified_block_size="True"' in info


def test_the_prefix_cache_can_be_off() -> None:
    with running("--no-enable-prefix-caching", SPEED=10) as sim:
        for _ in range(2):
            sim.chat("a long shared beginning " * 20, max_tokens=1)
        assert sim.metric("vllm:prefix_cache_queries_total") == 0
        assert sim.metric("vllm:prompt_tokens_cached_total") == 0


def test_the_cache_grows_with_memory_and_spills_to_the_host() -> None:
    flags = ("--gpu-memory-utilization", "0.56", "--kv-offloading-size", "1")
    prompts = ["alpha " * 150, "gamma " * 150]
    with running(*flags, KV_BLOCKS=60, SPEED=10) as sim:
        assert 'num_gpu_blocks="30"' in sim.get("/metrics").body.decode()
        for prompt in (*prompts, prompts[0]):
            assert sim.chat(prompt, max_tokens=1).status == 200
        assert sim.metric("vllm:external_prefix_cache_hits_total") > 0
        host = 'vllm:prompt_tokens_cached_by_source_total{engine="0",model_name="./tiny",source="host"}'
        assert sim.metric(host) > 0


def test_a_backlog_of_prompts_is_limited() -> None:
    with running("--max-num-queued-tokens", "100", "--max-num-batched-tokens", "64", PREFILL_TOKENS_PER_S=100) as sim:
        with sim.start("/v1/completions", {"prompt": [300] * 150}):
            sim.wait_until(running=1)
            refused = sim.chat()
        assert refused.status == 503
        assert "prefill token backlog" in refused.json()["error"]["message"]
        assert sim.metric('vllm:admission_rejections_total{model_name="./tiny",reason="max_num_queued_tokens"}') == 1


def test_keys() -> None:
    with running("--api-key", "secret", "second") as sim:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "secret"}):
            answer = sim.request("GET", "/v1/models", None, headers)
            assert (answer.status, answer.json()) == (401, {"error": "Unauthorized"})
        for key in ("secret", "second"):
            assert sim.get("/v1/models", authorization=f"Bearer {key}").status == 200
        assert sim.get("/health").status == 200
        assert sim.get("/metrics").status == 200


def test_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    with running() as sim:
        assert sim.get("/v1/models").status == 401
        assert sim.get("/v1/models", authorization="Bearer secret").status == 200


def test_load() -> None:
    body = chat_body(max_tokens=5000, ignore_eos=True)
    with running("--enable-server-load-tracking") as sim, sim.start("/v1/chat/completions", body):
        sim.wait_until(in_flight=1)
        assert sim.get("/load").json() == {"server_load": 1}


def test_embeddings_of_several_inputs() -> None:
    with running("--runner", "pooling", SPEED=10) as sim:
        answer = sim.post("/v1/embeddings", {"input": ["one", "two", "one"], "encoding_format": "base64"}).json()
        vectors = [entry["embedding"] for entry in answer["data"]]
        assert vectors[0] == vectors[2] != vectors[1]
        assert isinstance(vectors[0], str)
        assert answer["usage"]["total_tokens"] == 3
        assert sim.metric("vllm:request_success_total") == 3
        assert sim.metric("vllm:generation_tokens_total") == 0


def test_parallelism_is_in_the_fingerprint() -> None:
    with running("-tp", "2", "--pipeline-parallel-size", "4", SPEED=10) as sim:
        assert sim.chat(max_tokens=1).json()["system_fingerprint"].startswith("vllm-0.32.0-tp2-pp4-")


def test_answers_name_their_host_when_asked_to(sim: Sim) -> None:
    assert sim.chat(max_tokens=1).header("x-engine-sim") is None
    with running("--served-model-name", "tiny", SIGN=1) as signed:
        assert signed.chat(max_tokens=1).header("x-engine-sim") == signed.state()["host"]


def test_more_connections_wait_than_a_router_opens_at_once() -> None:
    """As in uvicorn, whose backlog is 2048: while the process does nothing, the kernel answers for it."""
    with running() as sim, ExitStack() as opened:
        sim.process.send_signal(signal.SIGSTOP)
        for _ in range(300):
            opened.enter_context(socket.create_connection(("127.0.0.1", sim.port), timeout=5))
        sim.process.send_signal(signal.SIGCONT)
        assert sim.get("/health").status == 200
