"""Promise: people steer a rollout with `kubectl tidegate`, which kubectl finds by itself; what it says is written is what the operator
heeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.harness import Place, policy
from e2e.rollouts import Rollout, judged

pytestmark = pytest.mark.cluster
STEPS = [{"traffic": "10%", "approval": "Manual"}, {"traffic": "50%", "approval": "Manual"}]
PROGRAMS = Path(sys.executable).parent
"""Where the package's commands are installed."""


@dataclass(frozen=True)
class Plugin:
    """`kubectl tidegate` in a namespace."""

    place: Place

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`kubectl tidegate rollout WORDS`, as in a shell."""
        return self.command("rollout", *words)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`kubectl tidegate WORDS`."""
        argv = [self.place.cluster.settings.kubectl, "tidegate", *words, "-n", self.place.name]
        return subprocess.run(argv, env=self._environment(), capture_output=True, text=True, timeout=60, check=False)

    def says(self, *words: str) -> str:
        """What it prints when all is well."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def watching(self) -> subprocess.Popen[str]:
        """`status -w`, which has had its first look, until it ends by itself."""
        argv = [str(PROGRAMS / "kubectl-tidegate"), "rollout", "status", "-w", "small", "-n", self.place.name]
        made = subprocess.Popen(argv, env=self._environment(), stdout=subprocess.PIPE, text=True)
        assert made.stdout is not None
        made.stdout.readline()
        return made

    def _environment(self) -> dict[str, str]:
        path = f"{PROGRAMS}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "KUBECONFIG": str(self.place.cluster.kubeconfig), "COLUMNS": "120"}


@pytest.fixture
def rollout(place: Place) -> Rollout:
    """A new revision waits at its first step."""
    place.apply(judged(5, objectives=[], canary={"steps": STEPS}), policy())
    place.ready("mdep/small", "rpol/front")
    place.apply(judged(6, objectives=[], canary={"steps": STEPS}))
    made = Rollout(place)
    made.comes_to("Waiting")
    return made


def test_pause_resume_promote(rollout: Rollout) -> None:
    plugin, tried = Plugin(rollout.place), rollout.status["revision"]
    with plugin.watching() as watching:
        assert "spec.rollout.paused: true" in plugin.says("pause", "small")
        rollout.comes_to("Paused")
        said = _until(watching, "Paused: paused by spec.rollout.paused")
        assert "kubectl tidegate rollout resume small -n" in plugin.says("status", "small")
        plugin.says("resume", "small")
        rollout.comes_to("Waiting")
        assert f"tidegate.dev/promote={tried}/10%" in plugin.says("promote", "small")
        rollout.place.wait(lambda: rollout.status["step"] == 1, "the second step began")
        assert json.loads(plugin.says("status", "small", "-o", "json"))["revision"] == tried
        plugin.says("promote", "small", "--all")
        rollout.comes_to("Promoted")
        assert watching.wait(60) == 0
        said += watching.stdout.read() if watching.stdout else ""
    assert said.endswith(f"mdep/small: revision {tried} is promoted: it has all of the traffic\n")
    assert rollout.active == tried
    done = plugin.run("promote", "small")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"revision {tried} is promoted already" in done.stderr


def _until(watching: subprocess.Popen[str], words: str) -> str:
    """What it says, up to the line with these words: it looks once a second, and what has passed by then it does not see."""
    assert watching.stdout is not None
    said = ""
    while words not in said:
        line = watching.stdout.readline()
        assert line, said
        said += line
    return said


def test_abort_retry_abort(rollout: Rollout) -> None:
    """What is said a second time acts a second time; a promotion of before is not one of the new trial."""
    plugin, tried = Plugin(rollout.place), rollout.status["revision"]
    plugin.says("promote", "small")
    rollout.place.wait(lambda: rollout.status["step"] == 1, "the second step began")
    with plugin.watching() as watching:
        plugin.says("abort", "mdep/small")
        assert watching.wait(60) == 1
    rollout.comes_to("RolledBack")
    assert "tidegate.dev/retry=" in plugin.says("retry", "small")
    with plugin.watching() as watching:
        rollout.comes_to("Waiting")
        assert rollout.status["step"] == 0
        assert f"tidegate.dev/abort={tried}/2" in plugin.says("abort", "small")
        assert watching.wait(60) == 1
    written = rollout.place.get("mdep/small")["metadata"]["annotations"]
    assert "tidegate.dev/promote" not in written


def test_who_wrote_it(rollout: Rollout) -> None:
    Plugin(rollout.place).says("pause", "small")
    fields = rollout.place.get("mdep/small", "--show-managed-fields")["metadata"]["managedFields"]
    mine = [each["fieldsV1"] for each in fields if each["manager"] == "kubectl-tidegate"]
    assert mine == [{"f:spec": {"f:rollout": {"f:paused": {}}}}]


def test_completion(place: Place) -> None:
    """kubectl asks the plugin what it knows."""
    argv = [place.cluster.settings.kubectl, "__complete", "tidegate", "rollout", "re"]
    environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split()[:2] == ["resume", "retry"]


def test_what_will_happen_is_what_happens(place: Place, tmp_path: Path) -> None:
    """The plan of a manifest names the revision that it becomes, and says of GPUs what the rollout's own plan says then."""
    place.apply(judged(5, objectives=[], canary={"steps": STEPS}), policy())
    place.ready("mdep/small", "rpol/front")
    new = tmp_path / "new.json"
    new.write_text(json.dumps(judged(6, objectives=[], canary={"steps": STEPS})))
    before = place.get("mdep/small")["metadata"]["resourceVersion"]
    done = Plugin(place).command("plan", "-f", str(new))
    assert done.returncode == 0, done.stderr
    assert place.get("mdep/small")["metadata"]["resourceVersion"] == before
    made = Rollout(place)
    place.kubectl("apply", "-f", str(new))
    place.wait(lambda: "nodes have room for them" in made.status.get("plan", ""), "what nodes have left is known")
    assert f"revision {made.status['revision']} takes the place of" in done.stdout
    assert "GPUs: 2 today, 4 at most; nodes have room for " in done.stdout
