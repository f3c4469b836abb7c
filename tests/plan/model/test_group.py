"""Groups of Pods: names that do not collide, one budget for leaders and workers, workers that wait for their leader."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time
from typing import Any

from tests.plan.model.test_scaling import scaled
from tests.support.builders import DEFAULTS, NOW, model
from tidegate import names
from tidegate.plan.model.group import AFTER_LEADER
from tidegate.plan.model.plan import plan_model
from tidegate.plan.world import Capabilities, ModelWorld

GROUP = model(engine={"gpus": {"count": 8}, "parallelism": {"tensor": 8, "pipeline": 2}})


def planned(manifest: dict[str, Any] = GROUP) -> dict[str, list[Any]]:
    """What is made, by kind."""
    plan = plan_model(ModelWorld(manifest, DEFAULTS, Capabilities(leader_worker_set=True)), NOW)
    made: dict[str, list[Any]] = {}
    for each in plan.apply:
        made.setdefault(each["kind"], []).append(each)
    return made


def templates(made: dict[str, list[Any]]) -> tuple[Any, Any]:
    """The leader's and the worker's."""
    both = made["LeaderWorkerSet"][0]["spec"]["leaderWorkerTemplate"]
    return both["leaderTemplate"], both["workerTemplate"]


def test_no_service_has_the_name_of_the_set() -> None:
    """The controller makes one of that name, by which members find each other before they are ready."""
    made = planned()
    sets = {each["metadata"]["name"] for each in made["LeaderWorkerSet"]}
    assert not sets & {each["metadata"]["name"] for each in made["Service"]}


def test_a_deployments_service_keeps_its_name() -> None:
    made = planned(model())
    [deployment] = made["Deployment"]
    assert deployment["metadata"]["name"] in {each["metadata"]["name"] for each in made["Service"]}


def test_names_fit() -> None:
    longest = "x" * names.MAX_GROUP_NAME
    assert len(names.engines_service(longest, "0" * 8, "LeaderWorkerSet")) <= 63


def test_routers_find_leaders_only() -> None:
    made = planned()
    leader, worker = (template["metadata"]["labels"] for template in templates(made))
    [engines] = [s for s in made["Service"] if s["spec"].get("clusterIP") == "None"]
    selector = engines["spec"]["selector"]
    assert selector.items() <= leader.items()
    assert not selector.items() <= worker.items()


def test_one_budget_covers_leaders_and_workers() -> None:
    made = planned()
    [budget] = made["PodDisruptionBudget"]
    covered = budget["spec"]["selector"]["matchLabels"]
    for template in templates(made):
        assert covered.items() <= template["metadata"]["labels"].items()
    assert covered[names.REVISION_LABEL] == leader_revision(made)
    assert budget["spec"]["maxUnavailable"] == 1


def leader_revision(made: dict[str, list[Any]]) -> str:
    return str(templates(made)[0]["metadata"]["labels"][names.REVISION_LABEL])


def test_only_the_leader_is_probed_and_leaves_its_endpoints() -> None:
    leader, worker = (template["spec"]["containers"][0] for template in templates(planned()))
    assert leader["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
    assert worker["lifecycle"]["preStop"]["exec"]["command"] == ["python3", "-c", AFTER_LEADER]
    assert "readinessProbe" in leader
    assert not [field for field in worker if field.endswith("Probe")]


class Leader(http.server.BaseHTTPRequestHandler):
    """Answers /health."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def hook(port: int) -> subprocess.Popen[bytes]:
    """A worker's preStop hook, with another port."""
    script = AFTER_LEADER.replace(str(names.ENGINE_PORT), str(port))
    assert script != AFTER_LEADER
    return subprocess.Popen([sys.executable, "-c", script], env=os.environ | {"LWS_LEADER_ADDRESS": "127.0.0.1"})


def test_a_worker_waits_while_its_leader_answers() -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), Leader)
    threading.Thread(target=server.serve_forever).start()
    waiting = hook(server.server_port)
    try:
        time.sleep(4)
        assert waiting.poll() is None
        server.shutdown()
        server.server_close()
        assert waiting.wait(10) == 0
    finally:
        waiting.kill()
        waiting.wait()
        server.server_close()


def test_a_worker_of_a_leader_that_never_answered_ends_soon() -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), Leader)
    server.server_close()
    waiting = hook(server.server_port)
    try:
        assert waiting.wait(10) == 0
    finally:
        waiting.kill()
        waiting.wait()


def test_only_a_leader_is_asked() -> None:
    """A worker is Ready as soon as it runs."""
    tests = [{"name": "answers", "request": {}}]
    made = scaled(autoscaling=None, replicas=1, rollout={"strategy": "BlueGreen", "blueGreen": {"smokeTests": tests}})
    made.ready("Active", 1)
    made.go_on()
    made.edit({"engine": {"image": "other:1"}})
    made.go_on()
    for name, role in (("a-worker", names.ROLE_WORKER), ("leader", names.ROLE_ENGINE)):
        made.engine_pod(
            "Candidate",
            {"podIP": f"10.0.0.{len(made.pods)}", "conditions": [{"type": "Ready", "status": "True"}]},
            name,
        )
        made.pods[-1]["metadata"]["labels"][names.ROLE_LABEL] = role
    made.ready("Candidate", 1)
    assert {question.address for question in made.run().ask if question.smoke} == {"10.0.0.1"}
