"""`tidegate render` prints what the operator would apply, and an Envoy configuration that Envoy accepts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.simulation import Simulation
from tidegate.cli.main import main
from tidegate.names import GROUP
from tidegate.plan.containers import policy_beside
from tidegate.plan.samples import StoreCheck
from tidegate.settings import from_environment

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = ROOT / "examples/quickstart.yaml"
EXAMPLES = sorted(set((ROOT / "examples").glob("*.yaml")) - {QUICKSTART})
Capture = pytest.CaptureFixture[str]


def render(*arguments: str | Path) -> int:
    """The exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(["render", *map(str, arguments)])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def rendered(capsys: Capture, *arguments: str | Path) -> list[dict[str, Any]]:
    assert render(*arguments) == 0
    return list(yaml.safe_load_all(capsys.readouterr().out))


def planned(files: list[Path]) -> list[dict[str, Any]]:
    """What the operator makes of these files in a cluster, pass after pass: models first, so that policies find them."""
    owners = [m for file in files for m in yaml.safe_load_all(file.read_text())]
    order = ["ModelDeployment", "RoutingPolicy", "CacheTier"]
    models: dict[str, dict[str, Any]] = {}
    made: list[dict[str, Any]] = []
    for owner in sorted(owners, key=lambda o: order.index(o["kind"])):
        meta = {**owner["metadata"], **ADDED}
        simulation = Simulation({**owner, "metadata": meta}, defaults=from_environment({}).defaults, models=models)
        simulation.tiers = {o["metadata"]["name"]: o for o in owners if o["kind"] == "CacheTier"}
        beside = next((o for o in owners if o["metadata"]["name"] == policy_beside(owner)), None)
        simulation.beside = {**beside, "metadata": {**beside["metadata"], **ADDED}} if beside else None
        simulation.check = StoreCheck(error="it was not asked")
        first = simulation.run()
        models |= {meta["name"]: simulation.owner} if owner["kind"] == "ModelDeployment" else {}
        made_now = {(m["kind"], m["metadata"]["name"]) for m in first.apply}
        again = [m for m in simulation.plan().apply if (m["kind"], m["metadata"]["name"]) not in made_now]
        made += [dict(m) for m in (*first.apply, *again)]
    return made


UID = "00000000-0000-0000-0000-000000000000"
ADDED = {"namespace": "default", "uid": UID, "resourceVersion": "1", "generation": 1}
"""By the API server."""


def by_name(manifests: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(m["kind"], m["metadata"]["name"]): m for m in manifests}


def test_the_examples_are_rendered_as_they_are_planned(capsys: Capture) -> None:
    together, wanted = by_name(rendered(capsys, *EXAMPLES)), by_name(planned(EXAMPLES))
    assert together.keys() == wanted.keys()
    for key, manifest in wanted.items():
        got = together[key]
        if key[0] == "Secret":
            assert got["stringData"]["password"] == "generated-in-the-cluster"
            continue
        if key[0] == "StatefulSet" or (key[1].endswith("-router") and key[0] == "Deployment"):
            annotations = got["spec"]["template"]["metadata"]["annotations"]
            uids = [name for name in annotations if name.startswith(GROUP) and name.endswith("-uid")]
            assert [annotations[name] for name in uids] == [UID]
            manifest["spec"]["template"]["metadata"]["annotations"] = annotations
        assert got == manifest, key


def test_the_output_is_plain_yaml(capsys: Capture) -> None:
    """No anchors and no aliases: people read it and diff it."""
    assert render(*EXAMPLES) == 0
    out = capsys.readouterr().out
    assert "&id" not in out
    assert "*id" not in out


def test_rendering_twice_gives_the_same(capsys: Capture) -> None:
    assert rendered(capsys, *EXAMPLES) == rendered(capsys, *EXAMPLES)


def test_capabilities_and_namespace(capsys: Capture) -> None:
    plain = rendered(capsys, QUICKSTART)
    more = rendered(capsys, QUICKSTART, "--with", "PodMonitor", "--namespace", "shop")
    assert {m["kind"] for m in more} - {m["kind"] for m in plain} == {"PodMonitor"}
    assert {m["metadata"]["namespace"] for m in plain} == {"default"}
    assert {m["metadata"]["namespace"] for m in more} == {"shop"}


def test_a_policy_finds_the_models_of_the_same_files(capsys: Capture) -> None:
    (config,) = [m for m in rendered(capsys, QUICKSTART) if m["kind"] == "ConfigMap"]
    assert '"service":"qwen-' in config["data"]["router.json"]
    (alone,) = [m for m in rendered(capsys, ROOT / "examples/routingpolicy.yaml") if m["kind"] == "ConfigMap"]
    assert '"engine":' not in alone["data"]["router.json"], "providers are no models"


def test_invalid(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(QUICKSTART.read_text().replace("hf://", "http://"))
    assert render(path) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{path}: ModelDeployment/qwen: spec.model.uri: uri must be hf://")


def test_a_problem_without_a_field(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(QUICKSTART.read_text().replace("name: chat}\nspec", "name: 9}\nspec"))
    path.write_text(path.read_text().replace("metadata: {name: 9}", 'metadata: {name: "9"}'))
    assert render(path) == 1
    assert capsys.readouterr().err.startswith(f"{path}: RoutingPolicy/9: metadata.name must be")


def test_what_cannot_be_planned(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.yaml"
    text = QUICKSTART.read_text()
    path.write_text(text.replace("gpus: {count: 1}", "gpus: {count: 8}, parallelism: {tensor: 16}"))
    assert render(path) == 1
    assert "install it, or raise gpus.count" in capsys.readouterr().err
    assert render(path, "--with", "LeaderWorkerSet") == 0


def test_unreadable(tmp_path: Path, capsys: Capture) -> None:
    assert render(tmp_path / "none.yaml") == 2
    assert "No such file" in capsys.readouterr().err


def test_other_objects_are_left_out(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\nwords\n")
    assert rendered(capsys, path) == []


@pytest.mark.envoy
@pytest.mark.parametrize("files", [[QUICKSTART], EXAMPLES], ids=["quickstart", "everything"])
def test_envoy_accepts_the_configuration(files: list[Path], tmp_path: Path, capsys: Capture) -> None:
    for number, config in enumerate(rendered(capsys, *files, "--envoy")):
        path = tmp_path / f"{number}.yaml"
        text = yaml.safe_dump(config).replace("/run/tidegate", str(tmp_path))
        for shown in re.findall(r"FILE_CONTENT\(([^:)]+):", text):
            Path(shown).parent.mkdir(exist_ok=True)
            Path(shown).write_text("Basic eDp5")
        path.write_text(text)
        argv = [str(Path(sys.executable).parent / "envoy"), "--mode", "validate", "--config-path", str(path)]
        answer = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert answer.returncode == 0, answer.stderr
