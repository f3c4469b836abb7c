"""Who sees and signals whose processes: each container on its own, or all of a Pod together (`shareProcessNamespace`)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .conftest import Namespace
from .manifests import container, pod

pytestmark = pytest.mark.cluster

DEAF = ["python3", "-c", "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"]
"""Handles no signal."""
PATIENT = 6
"""Seconds of a grace period."""


def shared(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return pod(name, *containers, **{"shareProcessNamespace": True, "terminationGracePeriodSeconds": 600, **spec})


def seconds_until_gone(ns: Namespace, name: str) -> float:
    start = time.monotonic()
    ns.delete(name)
    ns.until_gone(name)
    return time.monotonic() - start


def test_alone_a_program_is_pid_1_and_loses_a_signal_that_it_does_not_handle(ns: Namespace) -> None:
    ns.apply(pod("alone", container(DEAF), terminationGracePeriodSeconds=PATIENT))
    ns.until_log("alone", "pid 1\n")
    assert seconds_until_gone(ns, "alone") >= PATIENT


def test_together_no_program_is_pid_1_and_a_signal_ends_it(ns: Namespace) -> None:
    ns.apply(shared("together", container(DEAF)))
    assert "pid 1\n" not in ns.until_log("together", "pid ")
    seconds_until_gone(ns, "together")  # long before its grace period, which is ten minutes


def test_together_containers_see_each_other(ns: Namespace) -> None:
    ns.apply(shared("pair", container(DEAF), container(["sh", "-c", "exec sleep 1234"], name="other")))
    ns.until_log("pair", "pid ")
    ns.until(lambda: "sleep\0001234" in commands(ns, "pair"), "one container sees the other's process")
    assert "sleep\000infinity" in ns.kubectl("exec", "pair", "-c", "main", "--", "cat", "/proc/1/cmdline")


def commands(ns: Namespace, name: str) -> str:
    script = "cat /proc/[0-9]*/cmdline 2>/dev/null; true"
    return ns.kubectl("exec", name, "-c", "main", "--", "sh", "-c", script)


def test_together_a_container_ends_with_all_that_it_started(ns: Namespace) -> None:
    """What it leaves behind would hold its log, and a GPU."""
    main = container(["sh", "-c", "sleep 4321 & echo started"], name="main")
    ns.apply(shared("leaves", main, container(["sh", "-c", "exec sleep 1234"], name="other"), restartPolicy="Never"))
    assert ns.until_ended("leaves")["exitCode"] == 0
    found = ns.kubectl("exec", "leaves", "-c", "other", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null; true")
    assert "sleep\0001234" in found
    assert "sleep\0004321" not in found


def test_the_last_lines_of_a_log_are_the_reason_of_an_end(ns: Namespace) -> None:
    script = "for i in $(seq 100); do echo line $i; done; echo the model does not fit; exit 3"
    fallback: dict[str, Any] = {
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"readOnlyRootFilesystem": True},
    }
    ns.apply(pod("words", container(["sh", "-c", script], **fallback), restartPolicy="Never"))
    ended = ns.until_ended("words")
    assert ended["exitCode"] == 3
    assert ended["message"].endswith("line 100\nthe model does not fit\n")
