"""Questions of end-to-end tests that need no kubectl are answered as it would."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.questions import get


class Asked:
    """An API server that has one object of every kind."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        self.paths.append(path)
        item = {"metadata": {"name": "a", "managedFields": []}}
        one = path.rpartition("/")[2] == "a"
        return {"kind": "Pod"} | item if one else {"apiVersion": "v1", "kind": "PodList", "items": [item]}


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        (["mdep/a"], ["/apis/tidegate.dev/v1alpha1/namespaces/t1/modeldeployments/a"]),
        (["secret", "a"], ["/api/v1/namespaces/t1/secrets/a"]),
        (["pods"], ["/api/v1/namespaces/t1/pods"]),
        (["pods", "-l", "a=b,c"], ["/api/v1/namespaces/t1/pods?labelSelector=a%3Db%2Cc"]),
        (["deploy,svc"], ["/apis/apps/v1/namespaces/t1/deployments", "/api/v1/namespaces/t1/services"]),
        (["events.events.k8s.io"], ["/apis/events.k8s.io/v1/namespaces/t1/events"]),
        (["deploy,all"], []),
        (["podmonitors/a"], []),
        (["mdep/a", "--show-managed-fields"], []),
        (["pods", "--all-namespaces"], []),
    ],
)
def test_what_is_asked(arguments: list[str], paths: list[str]) -> None:
    """And of what only kubectl can be asked."""
    api = Asked()
    found = get(api, "t1", arguments)  # type: ignore[arg-type]
    assert api.paths == paths
    assert (found is None) == (not paths)


def test_what_is_answered() -> None:
    api: Any = Asked()
    assert get(api, "t1", ["pods"]) == {"items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}]}
    assert get(api, "t1", ["pod/a"]) == {"kind": "Pod", "metadata": {"name": "a"}}
