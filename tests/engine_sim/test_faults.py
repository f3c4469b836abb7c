"""Faults come and go at run time, or are there from the start."""

import socket
import threading
import time

import pytest

from e2e.engine_sim.faults import BadFault, Faults, FaultyDraw, faults_of
from tests.engine_sim.support import DEADLINE_S, Sim, chat_body, eventually, launch, running

CHAT = "/v1/chat/completions"


def test_faults_of_the_environment() -> None:
    assert faults_of({}) == Faults()
    given = {
        "ENGINE_SIM_ERROR_RATE": "0.5",
        "ENGINE_SIM_HANG": "1",
        "ENGINE_SIM_CRASH": "false",
        "ENGINE_SIM_SEED": "7",
    }
    assert faults_of(given) == Faults(error_rate=0.5, hang=True)


@pytest.mark.parametrize("changes", [{"eror_rate": 1}, {"error_rate": "much"}, {"hang": 1}, {"error_status": 500.5}])
def test_wrong_faults(changes: dict[str, object]) -> None:
    with pytest.raises(BadFault):
        Faults().changed(changes)


def test_the_error_rate_is_met() -> None:
    draw, faults = FaultyDraw(seed=1), Faults(error_rate=0.3)
    assert 250 < sum(draw.fails(faults) for _ in range(1000)) < 350
    assert [FaultyDraw(1).fails(faults) for _ in range(9)] == [FaultyDraw(1).fails(faults) for _ in range(9)]


def test_errors_of_a_status() -> None:
    with running() as sim:
        assert sim.post("/sim/faults", {"error_rate": 1, "error_status": 429}).json()["error_rate"] == 1
        assert [sim.chat().status for _ in range(3)] == [429] * 3
        assert sim.get("/health").status == 200
        assert sim.get("/v1/models").status == 200
        sim.post("/sim/faults", {"error_rate": 0.0})
        assert sim.chat().status == 200


def test_wrong_changes_change_nothing(sim: Sim) -> None:
    for changes in ({"hang": "yes"}, {"load_failure": True}, ["hang"]):
        assert sim.post("/sim/faults", changes).status == 400
    assert sim.state()["faults"]["hang"] is False


def test_a_hanging_engine_answers_when_it_goes_on() -> None:
    with running(SPEED=10) as sim:
        sim.post("/sim/faults", {"hang": True})
        with sim.start(CHAT, chat_body()) as client:
            sim.wait_until(in_flight=1)
            client.socket.settimeout(0.2)
            with pytest.raises(socket.timeout):
                client.socket.recv(1)
            assert sim.get("/health").status == 200
            assert sim.state()["running"] + sim.state()["waiting"] == 1
            sim.post("/sim/faults", {"hang": False})
            client.socket.settimeout(DEADLINE_S)
            assert client.socket.recv(12) == b"HTTP/1.1 200"


def test_a_hanging_engine_goes_on_where_it_stopped() -> None:
    body = chat_body(stream=True, max_tokens=60, ignore_eos=True)
    with running(DECODE_MS=30) as sim, sim.start(CHAT, body) as client:
        client.head()
        client.chunk()
        sim.post("/sim/faults", {"hang": True})
        time.sleep(2)  # longer than the whole answer takes
        sim.post("/sim/faults", {"hang": False})
        start = time.monotonic()
        while client.chunk():
            pass
        # No burst of what was missed: the remaining tokens take their time.
        assert time.monotonic() - start > 0.4


def test_a_slow_engine() -> None:
    with running() as sim:
        seconds = []
        for factor in (1, 1, 1, 10):
            sim.post("/sim/faults", {"slow_factor": factor})
            start = time.monotonic()
            sim.chat(max_tokens=10, ignore_eos=True)
            seconds.append(time.monotonic() - start)
        assert min(seconds) < 0.45 < seconds[-1]  # 10 passes of 5 ms, and of 50 ms; a busy machine may hold one up


def test_a_metric_that_is_not_shown(sim: Sim) -> None:
    shown = sim.get("/metrics").body
    sim.post("/sim/faults", {"without_metric": "vllm:num_requests_waiting"})
    hidden = sim.get("/metrics").body
    sim.post("/sim/faults", {"without_metric": ""})
    assert b"\nvllm:num_requests_waiting{" in shown
    assert b"\nvllm:num_requests_waiting{" not in hidden
    assert b"\nvllm:num_requests_waiting_by_reason{" in hidden


def test_a_crash() -> None:
    with running() as sim:
        thread = threading.Thread(target=_ignoring_the_cut, args=(sim,))
        thread.start()
        assert sim.process.wait(DEADLINE_S) == 1
        thread.join()


def _ignoring_the_cut(sim: Sim) -> None:
    with pytest.raises((OSError, IndexError)):
        sim.post("/sim/faults", {"crash": True})


def test_a_model_that_does_not_fit() -> None:
    process, ready, log = launch(LOAD_FAILURE=1, LOAD_SECONDS=0.1)
    assert process.wait(DEADLINE_S) == 1
    assert "CUDA out of memory" in log.read_text()
    assert not ready.exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--gpu-memory-utilization", "0.1"), "No available memory for the cache blocks"),
        (("--max-model-len", "1m"), "max seq len (1000000)"),
        (("--lora-modules", "a=b"), "LoRA is not enabled"),
    ],
)
def test_engines_that_cannot_start(flags: tuple[str, ...], message: str) -> None:
    process, _, log = launch(*flags)
    assert process.wait(DEADLINE_S) == 1
    assert message in log.read_text()


def test_nothing_listens_while_the_model_loads() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process, ready, _ = launch("--port", str(port), LOAD_SECONDS=1)
    try:
        start = time.monotonic()
        while not ready.exists():
            with socket.socket() as client:
                open_ = client.connect_ex(("127.0.0.1", port)) == 0
            assert not open_ or eventually(ready.exists)
            time.sleep(0.02)
        assert time.monotonic() - start > 0.9
    finally:
        process.kill()
        process.wait()
