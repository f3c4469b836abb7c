"""What end-to-end tests share: a namespace with the operator around it, and a load that counts what went wrong."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from e2e import monitoring, questions
from e2e.devcluster import Cluster
from e2e.install import NAMESPACE
from e2e.monitoring import Prometheus
from tidegate.names import BRAIN_PORT

Object = dict[str, Any]
MEMBERS = re.compile(r'^envoy_cluster_membership_healthy\{envoy_cluster_name="([^"]+)"\} (\S+)$', re.M)
_numbers = itertools.count(1)
API = "tidegate.dev/v1alpha1"
QUIET = 2.0
"""Seconds for which nothing may be written before a namespace counts as at rest: longer than an operator's pass, and Kubernetes' controllers,
take on a busy machine between two writes."""


def model(name: str = "small", **spec: Any) -> Object:
    """A ModelDeployment of one GPU; keywords replace top-level fields of the spec, `engine` and `model` are merged."""
    engine = {"gpus": {"count": 1}} | spec.pop("engine", {})
    source = {"uri": "hf://acme/tiny"} | spec.pop("model", {})
    body = {"model": source, "engine": engine, "drain": {"timeout": "30s"}, **spec}
    return {"apiVersion": API, "kind": "ModelDeployment", "metadata": {"name": name}, "spec": body}


def policy(
    name: str = "front", routes: dict[str, list[Object]] | None = None, replicas: int = 1, **spec: Any
) -> Object:
    """A RoutingPolicy; `routes` maps a public model to its weighted backends, each backend named as its model."""
    routes = routes or {"chat": [{"name": "small"}]}
    backends = sorted({backend["name"] for entries in routes.values() for backend in entries})
    body = {
        "router": {"replicas": replicas},
        "auth": {"anonymous": {}},
        "backends": [{"name": backend, "modelDeploymentRef": {"name": backend}} for backend in backends],
        "routes": [
            {"name": public, "models": [public], "to": {"backends": entries}} for public, entries in routes.items()
        ],
        **spec,
    }
    return {"apiVersion": API, "kind": "RoutingPolicy", "metadata": {"name": name}, "spec": body}


def engine_env(**values: str | float) -> list[Object]:
    """Settings of the engine simulator: `DECODE_MS=50`."""
    return [{"name": f"ENGINE_SIM_{name}", "value": str(value)} for name, value in values.items()]


@dataclass(frozen=True)
class Place:
    """A namespace of a cluster in which the operator runs."""

    cluster: Cluster
    name: str

    @classmethod
    def make(cls, cluster: Cluster, **labels: str) -> Place:
        """A new namespace."""
        name = f"t{next(_numbers)}"
        made = cls(cluster, name)
        cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        cluster.wait(lambda: made.get("sa/default"), f"namespace {name} works")
        return made

    def apply(self, *objects: Object) -> None:
        """kubectl apply."""
        self.cluster.apply(objects, namespace=self.name)

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """kubectl in this namespace."""
        return self.cluster.kubectl("-n", self.name, *arguments, check=check)

    def get(self, *arguments: str) -> Object:
        """kubectl get -o json."""
        found = questions.get(self.cluster.api, self.name, arguments)
        return self.cluster.get("-n", self.name, *arguments) if found is None else found

    def items(self, kind: str, selector: str = "") -> list[Object]:
        """Every object of a kind."""
        arguments = [kind, *(("-l", selector) if selector else ())]
        found: list[Object] = self.get(*arguments)["items"]
        return found

    def condition(self, ref: str, kind: str) -> Object:
        """A condition of `mdep/NAME` and the like; empty while it is not there."""
        found = self.get(ref).get("status", {}).get("conditions", [])
        return next((c for c in found if c["type"] == kind), {})

    def ready(self, *refs: str, seconds: float = 150.0) -> None:
        """Waits until objects are Ready for their newest generation."""
        for ref in refs:
            self.cluster.wait(partial(self._is_ready, ref), f"{ref} is Ready", seconds)

    def ready_says(self, ref: str, reason: str) -> None:
        """Waits until an object's Ready, be it True or False, has this reason for its newest generation."""
        self.wait(partial(self._says, ref, reason), f"{ref}: {reason}", 150)

    def _says(self, ref: str, reason: str) -> bool:
        found = self.get(ref)
        said: Object = next((c for c in found.get("status", {}).get("conditions", []) if c["type"] == "Ready"), {})
        return (said.get("reason"), said.get("observedGeneration")) == (reason, found["metadata"]["generation"])

    def _is_ready(self, ref: str) -> bool:
        found = self.get(ref)
        conditions = {c["type"]: c for c in found.get("status", {}).get("conditions", [])}
        newest = found["metadata"]["generation"]
        ready, busy = conditions.get("Ready", {}), conditions.get("Reconciling", {})
        return (ready.get("status"), busy.get("status"), ready.get("observedGeneration")) == ("True", "False", newest)

    def router(self, name: str = "front") -> str:
        """The router's address out here, once it answers, and every one of the policy's knows the engines that the policy says it has: they
        learn of them by EndpointSlices, which may come after the status."""
        url = self.cluster.forward(self.name, f"{name}-router", 80)
        self.wait(lambda: httpx.get(f"{url}/healthz", timeout=10).status_code == 200, f"router {name} answers")
        self.wait(lambda: self._knows_engines(name), f"routers of {name} know the engines")
        return url

    def _knows_engines(self, policy: str) -> bool:
        wanted = {
            f"{mdep['metadata']['name']}-{one['name']}" for mdep in self.items("mdep") for one in _answering(mdep)
        }
        return all(known.get(cluster, 1) > 0 for known in self.members(policy) for cluster in wanted)

    def members(self, policy: str = "front") -> list[dict[str, int]]:
        """How many engines each ready router of a policy sends to, by the name of its cluster, `<backend>-<revision>`."""
        routers = (pod for pod in self.items("pods", f"tidegate.dev/policy={policy}") if _serves(pod))
        urls = [self.cluster.forward_address(pod["status"]["podIP"], BRAIN_PORT) for pod in routers]
        pages = [httpx.get(f"{url}/metrics", timeout=10).raise_for_status().text for url in urls]
        return [{name: int(float(count)) for name, count in MEMBERS.findall(page)} for page in pages]

    def prometheus(self) -> Prometheus:
        """The one that watches all namespaces of this cluster, every second; started when it is first asked for."""
        return monitoring.watching(self.cluster)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 120.0) -> Any:
        """Cluster.wait; failed requests count as no, too."""

        def attempt() -> Any:
            try:
                return condition()
            except httpx.HTTPError:
                return False

        return self.cluster.wait(attempt, what, seconds)

    def versions(self) -> dict[str, str]:
        """resourceVersion of every object that the operator makes or reports on: equal twice means that nobody wrote."""
        kinds = (
            "mdep,rpol,ctier,deploy,svc,cm,sa,pdb,controllerrevision,role,rolebinding,secret,statefulset,networkpolicy"
        )
        items = self.get(kinds)["items"]
        return {f"{i['kind']}/{i['metadata']['name']}": i["metadata"]["resourceVersion"] for i in items}

    def at_rest(self) -> dict[str, str]:
        """Waits until nothing has been written for a moment; returns the versions."""
        last, since = self.versions(), time.monotonic()

        def still() -> dict[str, str] | None:
            nonlocal last, since
            now = self.versions()
            if now != last:
                last, since = now, time.monotonic()
            return now if time.monotonic() - since > QUIET else None

        found: dict[str, str] = self.cluster.wait(still, "nothing is written any more")
        return found

    def operator_logs(self) -> str:
        """Of every operator Pod."""
        return self.cluster.kubectl("-n", NAMESPACE, "logs", "-l", "app.kubernetes.io/name=tidegate", "--tail=-1")


def _answering(mdep: Object) -> list[Object]:
    """Revisions of a model that have an engine that answers."""
    return [one for one in mdep.get("status", {}).get("revisions", []) if one.get("readyReplicas")]


def _serves(pod: Object) -> bool:
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
    return ready and "deletionTimestamp" not in pod["metadata"]


def since(now: Counter[Any], before: Counter[Any]) -> Counter[Any]:
    """What was counted since a copy was taken. A load counts in a thread of its own, so that nothing that it counts may be cleared."""
    return Counter(now) - before


@dataclass
class Tally:
    """What a load saw."""

    answers: Counter[int] = field(default_factory=Counter)
    """By status; 0 is no answer at all."""
    cut: int = 0
    """Streams that began and did not end with [DONE]."""
    backends: Counter[str] = field(default_factory=Counter)
    revisions: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By revision and outcome: `ok`, `error` (a 5xx, or a stream without its end) or `client_error`."""
    errors: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Requests without a 200."""
        return sum(count for status, count in self.answers.items() if status != 200)


def outcome(status: int, *, whole: bool) -> str:
    """In Tidegate's word for it, as a client sees it."""
    if status >= 500 or not (whole or status >= 400):
        return "error"
    return "client_error" if status >= 400 else "ok"


class Load:
    """Streams and short requests against one router, until it is stopped."""

    def __init__(self, url: str, public: str = "chat") -> None:
        self.url = url
        self.tally = Tally()
        self._public = public
        self._stop = threading.Event()

    def body(self, tokens: int, *, stream: bool) -> Object:
        """A chat request."""
        message = {"role": "user", "content": "How is the tide?"}
        return {
            "model": self._public,
            "messages": [message],
            "max_tokens": tokens,
            "stream": stream,
            "ignore_eos": True,
        }

    @contextmanager
    def running(self, streams: int = 4, tokens: int = 40, short: int = 2) -> Iterator[Tally]:
        """Runs `streams` endless sequences of streams and `short` of short requests while the block runs, in a thread of
        its own; at its end what is under way is let finish."""
        thread = threading.Thread(target=lambda: asyncio.run(self._all(streams, tokens, short)))
        thread.start()
        try:
            yield self.tally
        finally:
            self._stop.set()
            thread.join()

    async def _all(self, streams: int, tokens: int, short: int) -> None:
        limits = httpx.Limits(max_connections=streams + short)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            jobs = [self._loop(lambda: self.stream(client, tokens)) for _ in range(streams)]
            jobs += [self._loop(lambda: self.short(client)) for _ in range(short)]
            await asyncio.gather(*jobs)

    async def _loop(self, once: Callable[[], Any]) -> None:
        while not self._stop.is_set():
            await once()

    async def short(self, client: httpx.AsyncClient) -> None:
        """One answer at once."""
        try:
            answer = await client.post(f"{self.url}/v1/chat/completions", json=self.body(1, stream=False))
        except httpx.HTTPError as error:
            self.tally.answers[0] += 1
            self.tally.errors.append(repr(error))
            return
        self._count(answer, answer.text, whole=True)

    async def stream(self, client: httpx.AsyncClient, tokens: int) -> None:
        """One stream to its end."""
        request = self.body(tokens, stream=True)
        try:
            async with client.stream("POST", f"{self.url}/v1/chat/completions", json=request) as answer:
                last = ""
                try:
                    async for line in answer.aiter_lines():
                        last = line or last
                finally:
                    self._count(answer, last, whole=last == "data: [DONE]")
        except httpx.HTTPError as error:
            self.tally.errors.append(repr(error))

    def _count(self, answer: httpx.Response, text: str, *, whole: bool) -> None:
        self.tally.answers[answer.status_code] += 1
        self.tally.outcomes[
            answer.headers.get("x-tidegate-revision", ""), outcome(answer.status_code, whole=whole)
        ] += 1
        self.tally.cut += answer.status_code == 200 and not whole
        if answer.status_code == 200:
            self.tally.backends[answer.headers.get("x-tidegate-backend", "")] += 1
            self.tally.revisions[answer.headers.get("x-tidegate-revision", "")] += 1
        else:
            self.tally.errors.append(f"{answer.status_code} {text[:200]}")


def events(place: Place, name: str) -> list[Object]:
    """Events about an object, oldest first."""
    found = place.items("events.events.k8s.io")
    mine = [event for event in found if event["regarding"]["name"] == name]
    return sorted(mine, key=lambda event: str(event.get("eventTime") or event["metadata"]["creationTimestamp"]))


def everything(place: Place) -> str:
    """All that people with read access may see of a namespace, but for Secrets: to search it for what must not be there."""
    kinds = "mdep,rpol,ctier,pods,deploy,statefulset,svc,cm,controllerrevision,events,endpointslices,pvc"
    return json.dumps(place.get(kinds))
