"""`tidegate validate`: exit codes, and messages that name the file and the field."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tidegate.cli.main import main

GOOD = """
apiVersion: tidegate.dev/v1alpha1
kind: CacheTier
metadata: {name: shared}
spec: {store: {managed: {}}}
"""
BAD = GOOD.replace("managed: {}", "managed: {memory: 1Mi}")
FOREIGN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"

Capture = pytest.CaptureFixture[str]


def validate(*arguments: str | Path) -> int:
    """The exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(["validate", *map(str, arguments)])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def file(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_valid(tmp_path: Path, capsys: Capture) -> None:
    assert validate(file(tmp_path, GOOD)) == 0
    assert capsys.readouterr() == ("1 manifest of tidegate.dev: valid\n", "")


def test_several_documents_and_files(tmp_path: Path, capsys: Capture) -> None:
    one = file(tmp_path, f"---\n{GOOD}---\n{FOREIGN}---\n")
    two = file(tmp_path, GOOD.replace("shared", "other"), "b.yaml")
    assert validate(one, two) == 0
    assert capsys.readouterr().out == "2 manifests of tidegate.dev: valid\n"


def test_invalid(tmp_path: Path, capsys: Capture) -> None:
    path = file(tmp_path, f"{GOOD}---\n{BAD}---\n{BAD.replace('shared', 'other')}")
    assert validate(path) == 1
    out, err = capsys.readouterr()
    message = "spec.store.managed.memory: memory must be at least 64Mi, for example 1Gi"
    assert err.splitlines() == [f"{path}: CacheTier/shared: {message}", f"{path}: CacheTier/other: {message}"]
    assert out == ""


def test_a_list_as_kubectl_prints_it(tmp_path: Path, capsys: Capture) -> None:
    items = "".join("- " + text.strip().replace("\n", "\n  ") + "\n" for text in (GOOD, BAD))
    path = file(tmp_path, f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert validate(path) == 1
    assert "CacheTier/shared: spec.store.managed.memory" in capsys.readouterr().err
    assert validate(file(tmp_path, "kind: List\nitems:\n")) == 1


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(BAD))
    assert validate("-") == 1
    assert capsys.readouterr().err.startswith("-: CacheTier/shared: spec.store.managed.memory: ")


def test_a_folder(tmp_path: Path, capsys: Capture) -> None:
    file(tmp_path, GOOD, "a.yml")
    file(tmp_path, BAD, "b.yaml")
    file(tmp_path, '{"kind": "x"}', "c.json")
    file(tmp_path, "{", "d.txt")
    assert validate(tmp_path) == 1
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'b.yaml'}: ")


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\tx", "a: !!python/object:os.system x"])
def test_broken_yaml(tmp_path: Path, capsys: Capture, text: str) -> None:
    path = file(tmp_path, text)
    assert validate(path) == 2
    assert capsys.readouterr().err.startswith(f"{path}: not YAML: ")


def test_no_text(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert validate(path) == 2
    assert str(path) in capsys.readouterr().err


def test_no_such_file(tmp_path: Path, capsys: Capture) -> None:
    assert validate(tmp_path / "none.yaml") == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none.yaml'}: No such file or directory\n"


def test_a_document_that_is_no_object(tmp_path: Path, capsys: Capture) -> None:
    path = file(tmp_path, f"{GOOD}---\njust words\n")
    assert validate(path) == 1
    assert (
        capsys.readouterr().err == f"{path}: document 2: a manifest is a map with apiVersion, kind, metadata and spec\n"
    )


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", FOREIGN, "kind: List\nitems: []\n"])
def test_nothing_of_ours(tmp_path: Path, capsys: Capture, text: str) -> None:
    path = file(tmp_path, text)
    assert validate(path) == 1
    assert capsys.readouterr() == ("", f"no manifest of tidegate.dev in {path}\n")


def test_a_folder_without_anything(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "notes.txt").write_text(GOOD)
    assert validate(tmp_path) == 1
    assert capsys.readouterr().err == f"no manifest of tidegate.dev in {tmp_path}\n"


def test_a_misspelt_group(tmp_path: Path, capsys: Capture) -> None:
    assert validate(file(tmp_path, GOOD.replace("tidegate.dev", "tidegate.io"))) == 1
    assert (
        "'tidegate.io/v1alpha1' is not the API of a CacheTier; write tidegate.dev/v1alpha1" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        (f"{GOOD}spec: {{}}\n", 6, "spec"),
        (GOOD.replace("managed: {}", "managed: {memory: 1Gi, memory: 2Gi}"), 5, "memory"),
        (f"{GOOD}---\n{FOREIGN}data:\n  a: b\n  a: b\n", 12, "a"),
        ('{"kind": "x", "kind": "y"}', 1, "kind"),
    ],
)
def test_a_key_twice(tmp_path: Path, capsys: Capture, text: str, line: int, key: str) -> None:
    path = file(tmp_path, text)
    assert validate(path) == 2
    said = f"{path}: line {line}: '{key}' stands twice in one map; remove or rename one\n"
    assert capsys.readouterr().err == said


def test_anchors_and_what_they_are_merged_with(tmp_path: Path) -> None:
    labels = "{name: shared, labels: &l {a: b}, annotations: {<<: *l, a: c}}"
    assert validate(file(tmp_path, GOOD.replace("{name: shared}", labels))) == 0


def test_an_object_twice(tmp_path: Path, capsys: Capture) -> None:
    one, two = file(tmp_path, GOOD), file(tmp_path, GOOD, "b.yaml")
    assert validate(one, two) == 1
    said = f"{two}: CacheTier/shared: metadata.name: the same object stands in {one} too; remove or rename one\n"
    assert capsys.readouterr() == ("", said)


def test_one_name_in_two_namespaces_and_kinds(tmp_path: Path) -> None:
    elsewhere = GOOD.replace("{name: shared}", "{name: shared, namespace: b}")
    assert validate(file(tmp_path, f"{GOOD}---\n{elsewhere}---\n{MODEL}")) == 0


MODEL = """
apiVersion: tidegate.dev/v1alpha1
kind: ModelDeployment
metadata: {name: shared}
spec: {model: {uri: hf://acme/llama}, engine: {gpus: {count: 1}}}
"""
POLICY = """
apiVersion: tidegate.dev/v1alpha1
kind: RoutingPolicy
metadata: {name: chat}
spec:
  auth: {anonymous: {}}
  backends: [{name: small, modelDeploymentRef: {name: shared}}]
  routes: [{name: chat, models: [chat], to: {backends: [{name: small}]}}]
"""
DANGLING = (
    "spec.backends[0].modelDeploymentRef.name: no ModelDeployment shared in these files; it has to be in the cluster"
)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (POLICY, DANGLING),
        (f"{POLICY}---\n{MODEL}", ""),
        (f"{POLICY}---\n{MODEL.replace('{name: shared}', '{name: shared, namespace: b}')}", DANGLING),
        (f"{POLICY}---\n{MODEL.replace('shared', 'other')}", DANGLING),
    ],
)
def test_a_model_that_is_not_among_the_files(tmp_path: Path, capsys: Capture, text: str, warning: str) -> None:
    path = file(tmp_path, text)
    assert validate(path) == 0
    assert capsys.readouterr().err == (f"warning: {path}: RoutingPolicy/chat: {warning}\n" if warning else "")


def test_a_tier_that_is_not_among_the_files(tmp_path: Path, capsys: Capture) -> None:
    routed = POLICY.replace("to: {", "cache: {cacheTierRef: {name: answers}}, to: {")
    assert validate(file(tmp_path, f"{routed}---\n{MODEL}")) == 0
    warning = "spec.routes[0].cache.cacheTierRef.name: no CacheTier answers in these files; it has to be in the cluster"
    assert warning in capsys.readouterr().err


def test_a_sidecars_policy_that_is_not_among_the_files(tmp_path: Path, capsys: Capture) -> None:
    beside = "engine: {sidecarRouter: {routingPolicyRef: {name: edge}}, "
    assert validate(file(tmp_path, MODEL.replace("engine: {", beside))) == 0
    warning = "spec.engine.sidecarRouter.routingPolicyRef.name: no RoutingPolicy edge in these files"
    assert warning in capsys.readouterr().err


def test_replicas_that_an_autoscaler_writes(tmp_path: Path, capsys: Capture) -> None:
    """No rule: admission cannot tell who wrote them."""
    scaled = POLICY.replace("spec:", "spec:\n  router: {replicas: 3, autoscaling: {maxReplicas: 5}}", 1)
    assert validate(file(tmp_path, f"{scaled}---\n{MODEL}")) == 0
    assert "spec.router.replicas: each apply takes back" in capsys.readouterr().err


def test_a_null_that_kubectl_apply_loses(tmp_path: Path, capsys: Capture) -> None:
    patch = "engine: {podTemplatePatch: {spec: {securityContext: {fsGroup: null}}}, "
    assert validate(file(tmp_path, MODEL.replace("engine: {", patch))) == 0
    warning = "securityContext.fsGroup: kubectl apply loses a null on its way; write $patch: replace or $retainKeys"
    assert warning in capsys.readouterr().err


def test_dates_are_words_as_for_kubectl(tmp_path: Path) -> None:
    text = GOOD.replace("{name: shared}", "{name: shared, annotations: {until: 2026-03-01}}")
    assert validate(file(tmp_path, text)) == 0


@pytest.mark.parametrize("arguments", [[], ["validate"], ["nonsense"]])
def test_usage(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "Usage: tidegate" in "".join(capsys.readouterr())
