"""Promise: there is no right that is not needed. Each one is taken away in turn, and something that needs it fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from e2e import operators
from e2e.devcluster import Cluster
from e2e.harness import API, Object, Place, model, policy
from e2e.install import NAMESPACE, install_chart

pytestmark = [pytest.mark.cluster, pytest.mark.long]
MANIFEST = Path(__file__).resolve().parents[2] / "manifests/install/tidegate.yaml"
CHILD = {
    "services": "svc/small", "serviceaccounts": "sa/small-engine", "configmaps": "cm/front-router",
    "persistentvolumeclaims": "pvc/small-weights", "secrets": "secret/shared-store", "deployments": "deploy/front-router",
    "statefulsets": "statefulset/shared-store", "poddisruptionbudgets": "pdb/front-router",
    "networkpolicies": "networkpolicy/shared-store", "roles": "role/front-router",
    "rolebindings": "rolebinding/front-router", "podmonitors": "podmonitor/small-engine",
    "horizontalpodautoscalers": "hpa/by-hpa", "scaledobjects": "scaledobjects.keda.sh/by-keda",
}  # fmt: skip
"""A child of each kind whose name stays the same."""
BY_REVISION = {"controllerrevisions": "small", "leaderworkersets": "group"}
"""Kinds whose names follow from the revision, and the model that has one."""
OWNERS = {"modeldeployments": "mdep/small", "routingpolicies": "rpol/front", "cachetiers": "ctier/shared"}
OPTIONAL = {
    "podmonitors": ("monitoring.coreos.com", "v1", "PodMonitor"),
    "leaderworkersets": ("leaderworkerset.x-k8s.io", "v1", "LeaderWorkerSet"),
    "scaledobjects": ("keda.sh", "v1alpha1", "ScaledObject"),
}
PROVIDERS = {"horizontalpodautoscalers": "by-hpa", "scaledobjects": "by-keda"}
"""Whose child each is; what KEDA itself makes of its object is keda_provider's."""
SWEPT = {"pods": ("pods", "-l", "tidegate.dev/role=router"), "horizontalpodautoscalers": ("hpa/by-hpa",)}
"""What is read only when the sweep finds that no watch has told of it, as kubectl names it."""


@dataclass(frozen=True)
class Grant:
    """One verb on one resource."""

    role: str
    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"

    def refusal(self) -> tuple[str, ...]:
        """What the API server says without it. Whoever creates a Role must hold what it grants."""
        said = f'cannot {self.verb} resource "{self.resource}"'
        return (said, "attempting to grant") if self.resource == "endpointslices" else (said,)


def grants() -> list[Grant]:
    """Everything that the operator's ClusterRole and Role give."""
    documents = [doc for doc in yaml.safe_load_all(MANIFEST.read_text()) if doc]
    roles = [doc for doc in documents if doc["metadata"]["name"] in ("tidegate", "tidegate-lease") and "rules" in doc]
    return [
        Grant(role["metadata"]["name"], group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def without(rules: list[Object], grant: Grant, *verbs: str) -> list[Object]:
    """The rules without one grant (and without further verbs on its resource)."""
    gone = {grant.verb, *verbs}
    out = []
    for rule in rules:
        concerned = grant.resource in rule["resources"] and grant.group in rule["apiGroups"]
        others = [resource for resource in rule["resources"] if not (concerned and resource == grant.resource)]
        out.append({**rule, "resources": others})
        if concerned:
            out.append({**rule, "resources": [grant.resource], "verbs": [v for v in rule["verbs"] if v not in gone]})
    return [rule for rule in out if rule["resources"] and rule["verbs"]]


@dataclass
class Stage:
    """A cluster in which everything that the operator makes is there, with one operator."""

    place: Place
    rules: dict[str, list[Object]]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def cluster(self) -> Cluster:
        """The cluster."""
        return self.place.cluster

    def grant(self, role: str, rules: list[Object]) -> None:
        """Gives a role these rules."""
        self.cluster.kubectl(*self.where(role), "--type=merge", "-p", json.dumps({"rules": rules}))

    def where(self, role: str) -> tuple[str, ...]:
        """kubectl's words for patching a role."""
        return ("patch", "clusterrole", role) if role == "tidegate" else ("-n", NAMESPACE, "patch", "role", role)

    def restart(self) -> None:
        """Another operator; the one before hands its Lease over when it is asked to end."""
        self.cluster.kubectl("-n", NAMESPACE, "delete", "pods", "--all", "--wait=false")

    def settle(self) -> None:
        """Everything is as specified again."""
        self.place.kubectl("delete", "controllerrevisions", "-l", "of=somebody-else")
        self.place.kubectl("delete", "--ignore-not-found", "mdep/waits", "mdep/scales", "mdep/pair")
        self.cluster.apply(WORKLOADS, namespace=self.place.name)
        for ref in (*OWNERS.values(), "mdep/group", *(f"mdep/{name}" for name in PROVIDERS.values())):
            self.place.wait(partial(self._goes_on, ref), f"{ref} goes on")

    def _goes_on(self, ref: str) -> bool:
        """What is Stalled is tried again once a minute, or when it is edited; a right that is given back takes a moment."""
        self.place.kubectl("annotate", ref, "--overwrite", f"nudge={next(self._numbers)}")
        return bool(self.place.condition(ref, "Stalled").get("status") == "False")

    def said(self) -> str:
        """The operator's words: its logs, of the containers before too, and what it wrote into statuses."""
        logs = ""
        for previous in ((), ("--previous",)):
            selector = ("-l", "app.kubernetes.io/name=tidegate", "--tail=-1", "--prefix")
            logs += self.cluster.kubectl("-n", NAMESPACE, "logs", *selector, *previous, check=False)
        conditions = (c for item in self.place.items("mdep,rpol,ctier") for c in item["status"]["conditions"])
        return logs + "".join(condition["message"] for condition in conditions)

    def revised(self, name: str) -> None:
        """A new revision of a model: the old one's children go."""
        patch = {"spec": {"engine": {"maxNumSeqs": 16 + next(self._numbers)}}}
        self.place.kubectl("patch", f"mdep/{name}", "--type=merge", "-p", json.dumps(patch))

    def child(self, resource: str) -> str:
        """A child of this kind, as kubectl names it."""
        if resource in CHILD:
            return CHILD[resource]
        [name] = self.place.kubectl(
            "get", resource, "-l", f"tidegate.dev/model={BY_REVISION[resource]}", "-o", "name"
        ).split()
        return name


TIER = {"apiVersion": API, "kind": "CacheTier", "metadata": {"name": "shared"},
        "spec": {"store": {"managed": {"memory": "64Mi"}}}}  # fmt: skip
CLAIM = {"storage": {"claim": {"size": "1Gi"}}}
GROUP = model("group", engine={"gpus": {"count": 1}, "parallelism": {"tensor": 2}}, replicas=0)
MISSING = {"name": "settings", "configMap": {"name": "nobody-made-it"}}
MOUNTED = {"name": "engine", "volumeMounts": [{"name": MISSING["name"], "mountPath": "/missing"}]}
WAITS = model(
    "waits",
    engine={"gpus": {"count": 0}, "podTemplatePatch": {"spec": {"volumes": [MISSING], "containers": [MOUNTED]}}},
)
"""A model whose Pod waits for a volume, and for no GPU before: what it waits for stands in Events alone. Kubelet waits for volumes that
some container mounts."""
SCALES = model("scales", autoscaling={"minReplicas": 1, "maxReplicas": 2})
"""A model for which it is asked how many more engines have room."""
CPU = {"gpus": {"count": 0}}
PAIR = model("pair", engine=CPU, replicas=2, drain={"timeout": "15s"})
"""Two engines, of which one may leave, or hang."""


def provided(name: str, provider: str, **spec: Any) -> Object:
    """A model that somebody else scales."""
    return model(name, engine=CPU, autoscaling={"provider": provider, "minReplicas": 1, "maxReplicas": 2}, **spec)


BY_OTHERS = [provided("by-hpa", "HPA"), provided("by-keda", "KEDA")]
WORKLOADS: list[Object] = [model(model=CLAIM, replicas=0, suspend=False), GROUP, policy(), TIER, *BY_OTHERS]


def optional_kind(resource: str) -> Object:
    """A CRD of the same name as another operator's, without its schema."""
    group, version, kind = OPTIONAL[resource]
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": resource, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{resource}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in of a test"},
        },
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [served]},
    }


NOBODY = "http://prometheus.nowhere:9090"
"""Named to KEDA, of which there is only the kind."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A cluster of its own, because its rights are changed."""
    with Cluster.start("every-rule", nodes=1, gpus=2) as cluster:
        cluster.apply([optional_kind(resource) for resource in OPTIONAL])
        install_chart(cluster, "replicas=1", "externalMetrics.enabled=true", f"prometheus.url={NOBODY}")
        place = Place.make(cluster)
        rules = {
            "tidegate": cluster.get("clusterrole", "tidegate")["rules"],
            "tidegate-lease": cluster.get("-n", NAMESPACE, "role", "tidegate-lease")["rules"],
        }
        made = Stage(place, rules)
        made.settle()
        place.wait(
            lambda: all(made.child(r) and place.get(made.child(r)) for r in (*CHILD, *BY_REVISION)), "all is made"
        )
        yield made


@pytest.mark.parametrize("grant", grants(), ids=str)
def test_without_it_something_fails(stage: Stage, grant: Grant) -> None:
    more = ("watch",) if grant.verb == "get" and grant.resource in SWEPT else ()
    stage.grant(grant.role, without(stage.rules[grant.role], grant, *more))
    try:
        provoke(stage, grant)
        refused = grant.refusal()
        stage.cluster.wait(lambda: any(text in stage.said() for text in refused), f"{refused[0]} is told", 150)
    finally:
        stage.grant(grant.role, stage.rules[grant.role])
        if grant.verb in ("list", "watch") or more:
            stage.restart()
        stage.settle()


def provoke(stage: Stage, grant: Grant) -> None:
    """Brings the operator to use a right."""
    resource = grant.resource
    if resource == "leases":
        lease(stage, grant.verb)
    elif grant.verb == "get" and resource in SWEPT:
        one_is_missed(stage, grant)
    elif (grant.verb, resource) == ("list", "events"):
        stage.place.apply(WAITS)
    elif (grant.verb, resource) == ("list", "nodes"):
        stage.place.apply(SCALES)
    elif (grant.verb, resource) in RARE:
        RARE[grant.verb, resource](stage)
    elif (grant.verb, resource) == ("patch", "controllerrevisions"):
        record_is_orphaned(stage)
    elif grant.verb in ("list", "watch"):
        stage.restart()
        if resource == "endpointslices":
            stage.place.kubectl("delete", CHILD["roles"])
    elif resource == "events" or resource.endswith("/status"):
        toggle(stage, OWNERS.get(resource.partition("/")[0], OWNERS["modeldeployments"]))
    elif resource in OWNERS:
        owner_is_read(stage, resource)
    else:
        PROVOCATIONS[grant.verb](stage, resource)


def lease(stage: Stage, verb: str) -> None:
    """A replica that begins reads the Lease, makes it when there is none, and takes or renews it."""
    if verb == "create":
        stage.cluster.kubectl("-n", NAMESPACE, "delete", "lease", "tidegate-operator")
    stage.restart()


def one_is_missed(stage: Stage, grant: Grant) -> None:
    """What a watch did not tell is read when the sweep finds it. What changes before the new leader has listed all is not missed."""
    old = operators.leader(stage.cluster)
    stage.restart()
    stage.cluster.wait(lambda: operators.leader(stage.cluster) not in ("", old), "another one leads")

    def refused() -> bool:
        stage.place.kubectl("annotate", "--overwrite", *SWEPT[grant.resource], f"missed={next(stage._numbers)}")
        return grant.refusal()[0] in stage.said()

    stage.cluster.wait(refused, f"{grant} is refused", 150)


def toggle(stage: Stage, owner: str) -> None:
    """A transition, with an Event."""
    if owner == OWNERS["modeldeployments"]:
        was = stage.place.get(owner)["spec"].get("suspend", False)
        change: dict[str, Any] = {"suspend": not was}
    elif owner == OWNERS["routingpolicies"]:
        change = policy(retry={"backoff": f"{next(stage._numbers)}ms"})["spec"]
    else:
        change = {"store": {"managed": {"memory": f"{64 + next(stage._numbers)}Mi"}}}
    stage.place.kubectl("patch", owner, "--type=merge", "-p", json.dumps({"spec": change}))


def owner_is_read(stage: Stage, resource: str) -> None:
    """Before a child is repaired, the owner is looked at once more."""
    child = {
        "modeldeployments": "svc/small",
        "routingpolicies": "pdb/front-router",
        "cachetiers": "networkpolicy/shared-store",
    }
    stage.place.kubectl("delete", child[resource])


def created(stage: Stage, resource: str) -> None:
    """What is gone is made again."""
    stage.place.kubectl("delete", stage.child(resource), "--wait=false")


def patched(stage: Stage, resource: str) -> None:
    """What is changed is changed back."""
    stage.place.kubectl("label", stage.child(resource), "--overwrite", "app.kubernetes.io/part-of=other")


def deleted(stage: Stage, resource: str) -> None:
    """What a revision had goes with it; a claim that is no longer wanted goes too."""
    if resource == "persistentvolumeclaims":
        stage.place.kubectl("patch", "mdep/small", "--type=merge", "-p", '{"spec":{"model":{"storage":null}}}')
    elif resource == "leaderworkersets":
        stage.revised("group")
    elif resource in PROVIDERS:
        provide(stage, PROVIDERS[resource], "Operator")
    else:
        stage.revised("small")


def read(stage: Stage, resource: str) -> None:
    """Without our label nobody watches it: it looks deleted, is made again, and the name turns out to be taken. By whom?"""
    if resource == "controllerrevisions":
        record_is_taken(stage)
        return
    stage.place.kubectl("label", stage.child(resource), "app.kubernetes.io/managed-by-")


def record_is_taken(stage: Stage) -> None:
    """Nobody can change the label of a ControllerRevision: while no operator looks, somebody else takes its name."""
    operators.scale(stage.cluster, 0)
    name = stage.child("controllerrevisions")
    stage.place.kubectl("delete", name)
    metadata = {"name": name.partition("/")[2], "labels": {"of": "somebody-else"}}
    kind = {"apiVersion": "apps/v1", "kind": "ControllerRevision"}
    stage.place.apply({**kind, "metadata": metadata, "data": {}, "revision": 1})
    operators.scale(stage.cluster, 1)


def record_is_orphaned(stage: Stage) -> None:
    """What `kubectl delete --cascade=orphan` leaves behind is adopted again; of a record nothing else is ever written."""
    stage.place.kubectl("delete", "mdep/small", "--cascade=orphan")
    stage.place.apply(WORKLOADS[0])


def provide(stage: Stage, name: str, provider: str, **spec: Any) -> None:
    """Somebody else is to scale this model."""
    patch = {"spec": {"autoscaling": {"provider": provider}, **spec}}
    stage.place.kubectl("patch", f"mdep/{name}", "--type=merge", "-p", json.dumps(patch))


def handed_over(stage: Stage) -> None:
    """spec.replicas becomes what there is, before an HPA writes it."""
    provide(stage, "by-hpa", "Operator")
    stage.place.wait(lambda: not _provider(stage, "by-hpa"), "the operator decides")
    provide(stage, "by-hpa", "HPA", replicas=2)


def routers_handed_over(stage: Stage) -> None:
    """spec.router.replicas becomes what there is, before an HPA writes it."""
    _routers(stage, replicas=1, autoscaling=None)
    stage.place.wait(lambda: stage.place.get("deploy/front-router")["spec"]["replicas"] == 1, "there is one router")
    _routers(stage, replicas=None, autoscaling={"minReplicas": 1, "maxReplicas": 3})


def _routers(stage: Stage, **router: Any) -> None:
    stage.place.kubectl("patch", "rpol/front", "--type=merge", "-p", json.dumps({"spec": {"router": router}}))


def _provider(stage: Stage, name: str) -> str:
    return str(stage.place.get(f"mdep/{name}")["status"]["autoscaling"].get("provider", ""))


def one_of_two_leaves(stage: Stage) -> None:
    """Which one, is written on it."""
    stage.place.apply(PAIR)
    stage.place.ready("mdep/pair")
    stage.place.kubectl("scale", "mdep/pair", "--replicas=1")


def one_of_two_hangs(stage: Stage) -> None:
    """With a stream under way; a minute after it is out its Pod is evicted."""
    stage.place.apply(PAIR)
    stage.place.ready("mdep/pair")
    engine = stage.place.items("pods", "tidegate.dev/model=pair")[0]
    url = stage.cluster.forward_address(engine["status"]["podIP"], 8000)
    httpx.post(f"{url}/sim/faults", json={"hang": True}, timeout=10).raise_for_status()
    body = {"model": "pair", "messages": [{"role": "user", "content": "Well?"}], "max_tokens": 20, "stream": True}
    threading.Thread(target=_asked, args=(f"{url}/v1/chat/completions", body), daemon=True).start()


def _asked(url: str, body: Object) -> None:
    """Waits for an answer that does not come, until the engine ends."""
    with suppress(httpx.HTTPError):
        httpx.post(url, json=body, timeout=300)


RARE = {
    ("patch", "modeldeployments/scale"): handed_over,
    ("patch", "routingpolicies/scale"): routers_handed_over,
    ("patch", "pods"): one_of_two_leaves,
    ("create", "pods/eviction"): one_of_two_hangs,
}
PROVOCATIONS = {"create": created, "patch": patched, "delete": deleted, "get": read}
