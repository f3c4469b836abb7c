"""What people see while Kubernetes is built."""

from __future__ import annotations

import io

from rich.console import Console

from e2e.devcluster import compiling


def test_a_line_every_15_seconds() -> None:
    told: list[str] = []
    moments = iter(range(0, 100, 10))
    compiled = compiling.lines(3000, told.append, lambda: float(next(moments)))
    for package in ("a", "b", "k8s.io/c"):
        compiled(package)
    assert told == ["  30 s: 2 of at most 3,000 packages, b"]


def test_without_a_terminal_a_quick_build_says_nothing() -> None:
    told: list[str] = []
    with compiling.watched(2, told.append) as compiled:
        compiled("a")
    assert told == []


def test_a_terminal_has_a_bar() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, _environ={"TERM": "xterm"})
    with compiling.bar(3, console) as compiled:
        compiled("k8s.io/api/core/v1")
        compiled("k8s.io/kubernetes/pkg/kubelet")
    assert "2/3" in screen.getvalue()
    assert "k8s.io/kubernetes/pkg/kubelet" in screen.getvalue()
