"""Asking the operator that leads for its last looks at a model, by the API server's proxy to its Pod.

That takes two rights in the operator's namespace, which the chart's Role `tidegate-explain` has: to read the Lease `tidegate-operator`, and
`get` of `pods/proxy`.

https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/
"""

from __future__ import annotations

from typing import Any

from tidegate import names
from tidegate.cluster.client import Api, NotFound, Refused
from tidegate.errors import TidegateError, Unavailable
from tidegate.plan.kube.reading import text
from tidegate.plan.plan import ObjectKey


class NoAccount(TidegateError):
    """The operator's looks cannot be had; the message says why, and what to do."""


async def ask(api: Api, operator: str, namespace: str, model: str) -> dict[str, Any]:
    """As plan/scaling/account.py writes it; `operator` is the operator's namespace. Raises NoAccount."""
    try:
        pod = await _leader(api, operator)
        where = f"/api/v1/namespaces/{operator}/pods/{pod}:{names.OPERATOR_HEALTH_PORT}/proxy"
        return await api.request("GET", f"{where}{names.SCALING_PATH}/{namespace}/{model}")
    except Refused as refused:
        raise NoAccount(
            f"{refused}; the Role tidegate-explain in namespace {operator} lets you ask the operator"
        ) from None
    except NotFound:
        raise NoAccount("the operator that leads has not looked at it yet") from None
    except Unavailable as error:
        raise NoAccount(f"the operator that leads does not answer: {error}") from None


async def _leader(api: Api, operator: str) -> str:
    """The name of its Pod."""
    lease = await api.get(ObjectKey("coordination.k8s.io/v1", "Lease", operator, names.OPERATOR_LEASE))
    holder = text((lease or {}).get("spec"), "holderIdentity")
    if not holder:
        raise NoAccount(f"no operator leads in namespace {operator}; say where it is with --operator-namespace")
    return holder
