"""What kubelet makes of Pods: order, probes, hooks, ends and restarts."""

from __future__ import annotations

import time
from typing import Any

import pytest

from e2e.devcluster import Image

from .conftest import Namespace
from .manifests import FOREVER, PYTHON, SHELL, WEB, container, pod

pytestmark = pytest.mark.cluster

SHARED: dict[str, Any] = {"volumes": [{"name": "shared", "emptyDir": {}}]}
MOUNT = [{"name": "shared", "mountPath": "/shared"}]
# Serves /ok; any other path is a 404, also for probes.
OK_SERVER = "import http.server, pathlib; pathlib.Path('/tmp/ok').touch(); http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)"


def shell(script: str, name: str = "main", **fields: Any) -> dict[str, Any]:
    return container(["sh", "-c", script], name=name, **fields)


def test_init_containers_run_one_after_the_other(ns: Namespace) -> None:
    first = shell("sleep 0.3; echo first >> /shared/order", "first", volumeMounts=MOUNT)
    second = shell("echo second >> /shared/order", "second", volumeMounts=MOUNT)
    main = shell("echo main >> /shared/order; cat /shared/order", volumeMounts=MOUNT)
    ns.apply(pod("order", main, initContainers=[first, second], restartPolicy="Never", **SHARED))

    ns.until_ended("order")
    assert ns.logs("order").split() == ["first", "second", "main"]


def test_a_native_sidecar_starts_before_and_ends_after_the_main_container(ns: Namespace) -> None:
    note = "trap 'sleep 0.2; ls /shared; exit 0' TERM; touch /shared/sidecar; while :; do sleep 0.05; done"
    probe = {"exec": {"command": ["test", "-e", "/shared/sidecar"]}, "periodSeconds": 1}
    sidecar = shell(note, "sidecar", restartPolicy="Always", startupProbe=probe, volumeMounts=MOUNT)
    main = shell("ls /shared; touch /shared/main; sleep 0.3", volumeMounts=MOUNT)
    ns.apply(pod("sidecar", main, initContainers=[sidecar], restartPolicy="Never", **SHARED))

    assert ns.until_ended("sidecar")["exitCode"] == 0
    assert ns.until_ended("sidecar", "sidecar")["exitCode"] == 0
    assert ns.logs("sidecar").split() == ["sidecar"]
    assert ns.logs("sidecar", "sidecar").split() == ["main", "sidecar"]
    ns.until(lambda: ns.pod("sidecar")["status"]["phase"] == "Succeeded", "the Pod has succeeded")


@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"path": "/ok", "port": 8000}},
        {"tcpSocket": {"port": 8000}},
        {"exec": {"command": ["test", "-e", "/tmp/ok"]}},
    ],
    ids=["http", "tcp", "exec"],
)
def test_a_readiness_probe_of_each_kind_makes_ready(ns: Namespace, probe: dict[str, Any]) -> None:
    server = container(
        ["python3", "-c", OK_SERVER],
        image=PYTHON,
        workingDir="/tmp",
        readinessProbe={**probe, "periodSeconds": 1},
    )
    ns.apply(pod("probed", server))
    ns.until_ready("probed")


def test_failing_probes_keep_unready_and_restart(ns: Namespace) -> None:
    often = {"periodSeconds": 1, "failureThreshold": 1}
    fails = {"exec": {"command": ["false"]}, **often}
    not_found = {"httpGet": {"path": "/no", "port": 8000}, **often}
    too_slow = {"exec": {"command": ["sleep", "9"]}, "timeoutSeconds": 1, **often}
    ns.apply(
        pod("unready", container(readinessProbe=fails)),
        pod("unlive", container(livenessProbe=fails)),
        pod("wrong-path", container(WEB, image=PYTHON, readinessProbe=not_found)),
        pod("slow", container(readinessProbe=too_slow)),
    )

    ns.until(lambda: ns.restarts("unlive") >= 1, "the liveness probe restarts")
    assert ns.container("unlive")["lastState"]["terminated"]["exitCode"] == 0, "it ends on SIGTERM"
    ns.until(lambda: any("statuscode: 404" in event for event in ns.events("wrong-path")), "the 404 is an event")
    ns.until(lambda: any("timed out" in event for event in ns.events("slow")), "the timeout is an event")
    assert not any(ns.container(name)["ready"] for name in ("unready", "wrong-path", "slow"))


def test_pre_stop_hooks_of_each_kind_run_before_the_signal(ns: Namespace) -> None:
    # What a container prints on its end is read from a server that outlives it.
    ns.apply(pod("listener", container(["python3", "-u", "-c", PATH_PRINTER], image=PYTHON)))
    ns.until_log("listener", "serving")
    listener = ns.pod("listener")["status"]["podIP"]
    command = ["python3", "-c", f"import urllib.request as u; u.urlopen('http://{listener}:8000/exec')"]
    hooks = {
        "http": {"httpGet": {"host": listener, "port": 8000, "path": "/http"}},
        "exec": {"exec": {"command": command}},
        "sleep": {"sleep": {"seconds": 1}},
    }
    ns.apply(*(pod(name, container(image=PYTHON, lifecycle={"preStop": hook})) for name, hook in hooks.items()))
    ns.until_ready(*hooks)
    started = time.monotonic()
    for name in hooks:
        ns.delete(name)

    for name in ("http", "exec"):
        ns.until_log("listener", f"/{name}")
    ns.until_gone("sleep")
    assert time.monotonic() - started > 0.9


PATH_PRINTER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path)
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer(("", 8000), Handler)
print("serving")
server.serve_forever()
"""


def test_a_post_start_hook_runs_beside_the_program_however_early(ns: Namespace) -> None:
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "pwd > /shared/$HOSTNAME"]}}}
    main = container(workingDir="/shared", volumeMounts=MOUNT, lifecycle=hook)
    names = [f"hooked{i}" for i in range(8)]
    ns.apply(*(pod(name, main, **SHARED) for name in names))
    ns.until_ready(*names)
    for name in names:
        assert ns.restarts(name) == 0
        assert ns.kubectl("exec", name, "--", "cat", f"/shared/{name}").strip() == "/shared"


def test_the_grace_period_is_waited_for_and_then_killed(ns: Namespace) -> None:
    deaf = shell("trap '' TERM; echo up; while :; do sleep 0.05; done")
    ns.apply(
        pod("deaf", deaf, terminationGracePeriodSeconds=1, restartPolicy="Never"),
        pod("polite", terminationGracePeriodSeconds=600),
    )
    ns.until_log("deaf", "up")
    ns.until_ready("polite")
    started = time.monotonic()
    ns.delete("deaf")
    ns.delete("polite")

    ns.until_gone("polite")
    ns.until_gone("deaf")
    assert time.monotonic() - started >= 1


def test_exit_codes_and_reasons(ns: Namespace) -> None:
    message = "echo why > /dev/termination-log; exit 3"
    ns.apply(
        pod("zero", shell("exit 0"), restartPolicy="Never"),
        pod("three", shell(message), restartPolicy="Never"),
        pod(
            "killed",
            shell("kill -9 $(cat /proc/self/stat | cut -d' ' -f4); sleep 9 & kill -9 $!; exit 137"),
            restartPolicy="Never",
        ),
        pod("missing", container(["/no/such/program"]), restartPolicy="Never"),
    )

    assert (ns.until_ended("zero")["exitCode"], ns.until_ended("zero")["reason"]) == (0, "Completed")
    three = ns.until_ended("three")
    assert (three["exitCode"], three["reason"], three["message"].strip()) == (3, "Error", "why")
    assert ns.until_ended("killed")["exitCode"] == 137
    missing = ns.until_ended("missing")
    assert (missing["exitCode"], missing["reason"]) == (128, "StartError")
    assert "/no/such/program" in missing["message"]


def test_a_crashing_container_is_restarted_with_back_off(ns: Namespace) -> None:
    ns.apply(pod("crashes", shell("echo run; exit 1")))

    ns.until(lambda: ns.restarts("crashes") >= 1, "the first restart, which comes at once")
    ns.until(lambda: any("Back-off restarting" in event for event in ns.events("crashes")), "the second one waits")
    assert ns.container("crashes")["lastState"]["terminated"]["exitCode"] == 1
    ns.until(lambda: ns.kubectl("logs", "crashes").split() == ["run"], "the last run's log")


def test_the_log_of_the_run_before(ns: Namespace) -> None:
    script = "[ -e /shared/x ] && { echo second; while sleep 0.1; do :; done; }; touch /shared/x; echo first; exit 1"
    ns.apply(pod("recovers", shell(script, volumeMounts=MOUNT), **SHARED))

    ns.until_log("recovers", "second")
    assert ns.kubectl("logs", "recovers", "--previous").split() == ["first"]


def test_users_are_who_the_pod_says(ns: Namespace) -> None:
    report = "id -u; id -g; grep NoNewPrivs /proc/self/status; touch /tmp/x && echo wrote; touch /x || echo refused"
    non_root = {"runAsNonRoot": True}
    ns.apply(
        pod(
            "user",
            shell(f"{report}; touch /shared/x && echo shared; while sleep 0.1; do :; done", volumeMounts=MOUNT),
            securityContext={"runAsUser": 1234, "runAsGroup": 55, "fsGroup": 77, **non_root},
            **SHARED,
        ),
        pod("root-refused", container(), securityContext=non_root),
        pod("image-user", container(FOREVER, image="ghcr.io/tidegate/tidegate:1"), securityContext=non_root),
    )

    log = ns.until_log("user", "shared").split()
    assert log[:2] == ["1234", "55"]
    assert [word for word in log if word in ("wrote", "refused", "shared")] == ["wrote", "refused", "shared"]
    assert ns.kubectl("exec", "user", "--", "sh", "-c", "echo $(id -u) $(id -g) $(whoami)", check=False).startswith(
        "1234 55"
    )
    ns.until_ready("image-user")
    assert ns.kubectl("exec", "image-user", "--", "id", "-u").strip() == "65532"
    ns.until(lambda: ns.waits_for("root-refused") == "CreateContainerConfigError", "root is refused")


def test_root_has_only_the_usual_powers_and_a_read_only_root_is_read_only(ns: Namespace) -> None:
    writes = (
        "for f in /x /tmp/x /run/x /root/x; do touch $f 2>/dev/null && echo wrote; done; touch /shared/x && echo shared"
    )
    ns.apply(
        pod(
            "root", shell("grep CapEff /proc/self/status; touch /x /tmp/x /root/x && echo wrote"), restartPolicy="Never"
        ),
        pod(
            "dropped",
            shell("grep CapEff /proc/self/status", securityContext={"capabilities": {"drop": ["ALL"]}}),
            restartPolicy="Never",
        ),
        pod(
            "read-only",
            shell(writes, securityContext={"readOnlyRootFilesystem": True}, volumeMounts=MOUNT),
            restartPolicy="Never",
            **SHARED,
        ),
    )

    for name in ("root", "dropped", "read-only"):
        assert ns.until_ended(name)["exitCode"] == 0
    assert ns.logs("root").split() == ["CapEff:", "00000000a80425fb", "wrote"]
    assert ns.logs("dropped").split() == ["CapEff:", "0000000000000000"]
    assert ns.logs("read-only").split() == ["shared"]


def test_an_unknown_image_is_not_pulled(ns: Namespace) -> None:
    ns.apply(pod("unknown", container(image="nowhere.example/nothing:1")))

    ns.until(lambda: ns.waits_for("unknown") in ("ErrImagePull", "ImagePullBackOff"), "the image is refused")
    ns.until(lambda: any("ImagePullBackOff" in event for event in ns.events("unknown")), "kubelet backs off")
    assert any("nowhere.example/nothing:1" in event and "not found" in event for event in ns.events("unknown"))


def test_images_can_be_added_while_the_cluster_runs(ns: Namespace) -> None:
    says = Image(("example.com/says",), command=("echo",), args=("hello",), env=("WHO=image",))
    ns.cluster.set_images([says])
    ns.apply(
        pod("says", {"name": "main", "image": "example.com/says:2"}, restartPolicy="Never"),
        pod("says-args", {"name": "main", "image": "example.com/says@sha256:" + "0" * 64, "args": ["$(X)"],
                          "env": [{"name": "X", "value": "pod"}]}, restartPolicy="Never"),
    )  # fmt: skip

    for name in ("says", "says-args"):
        ns.until_ended(name)
    assert ns.logs("says").strip() == "hello"
    assert ns.logs("says-args").strip() == "pod"


def test_names_of_images_are_normalised_as_containerd_does(ns: Namespace) -> None:
    names = [SHELL, "docker.io/busybox", "docker.io/library/busybox:9"]
    ns.apply(*(pod(f"name{i}", container(image=name)) for i, name in enumerate(names)))
    ns.until_ready(*(f"name{i}" for i in range(len(names))))
