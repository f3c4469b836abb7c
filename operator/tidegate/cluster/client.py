"""The Kubernetes API as Tidegate uses it: JSON in, JSON out, and errors that say whether to try again.

A thin layer over `kubernetes.aio`, which brings authentication, TLS and connection pooling. Paths come from a table, so that
nothing needs discovery before the first request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import orjson
from kubernetes.aio import client, config
from pydantic import ValidationError

from tidegate import names
from tidegate.cluster.metadata import ListedObject, PartialObjectMetadataList
from tidegate.errors import Conflict, Stall, Unavailable
from tidegate.plan.plan import Manifest, ObjectKey

PLURALS: Final = {
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "ConfigMap": "configmaps",
    "Secret": "secrets",
    "Pod": "pods",
    "Node": "nodes",
    "Event": "events",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "ControllerRevision": "controllerrevisions",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "NetworkPolicy": "networkpolicies",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "PodMonitor": "podmonitors",
    "LeaderWorkerSet": "leaderworkersets",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "ScaledObject": "scaledobjects",
    "EndpointSlice": "endpointslices",
    "Lease": "leases",
} | names.PLURALS
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TIMEOUT: Final = 30
"""Seconds that one request may take."""


class NotFound(Conflict):
    """The object, its namespace or its kind is not there."""

    reason = "NotFound"


class Refused(Stall):
    """The API server will not take this request as it is: invalid, forbidden or over quota."""

    reason = "Refused"


class Invalid(Refused):
    """The object would not be valid."""


def path(api_version: str, kind: str, namespace: str | None, name: str = "", sub: str = "") -> str:
    """The URL path of an object or, without a name, of a collection; `namespace=None` is the whole cluster."""
    root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
    where = f"/namespaces/{namespace}" if namespace else ""
    return "/".join(filter(None, (f"{root}{where}/{PLURALS[kind]}", name, sub)))


async def connect() -> client.ApiClient:
    """A client for the cluster that this Pod runs in, or for the current kubeconfig context."""
    settings = configuration()
    try:
        config.load_incluster_config(client_configuration=settings)
    except config.ConfigException:
        await config.load_kube_config(client_configuration=settings)
    return client.ApiClient(settings)


def configuration() -> client.Configuration:
    """Requests go straight to the API server, as kopf's watches do: looking for a proxy and for a password in .netrc would
    cost two threads a request."""
    return client.Configuration(client_session_kwargs={"trust_env": False})


class Api:
    """Requests to the Kubernetes API. Every method raises from tidegate.errors and nothing else."""

    def __init__(self, api_client: client.ApiClient) -> None:
        self._client = api_client
        self.writes = 0
        """Requests that could change something, for /metrics."""

    async def request(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """One request; the answer's JSON. Raises Conflict, NotFound, Refused or Unavailable."""
        text = await self._send(method, url, query, body, content_type, accept)
        try:
            found: dict[str, Any] = orjson.loads(text) if text else {}
        except ValueError as error:
            raise Unavailable(f"{method} {url}: something that is not JSON") from error
        return found

    async def _send(
        self, method: str, url: str, query: Mapping[str, str] | None, body: Any, content_type: str, accept: str
    ) -> bytes:
        headers = {"Accept": accept, "Content-Type": content_type}
        if method != "GET":
            self.writes += 1
        try:
            made = await self._client.param_serialize(
                method,
                url,
                query_params=list((query or {}).items()),
                header_params=headers,
                auth_settings=["BearerToken"],
            )
            # the body goes around param_serialize, which would copy what is JSON already
            answer = await self._client.call_api(*made[:3], body, _request_timeout=TIMEOUT)
            text: bytes = await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{method} {url}: {type(error).__name__}: {error}") from error
        if answer.status >= 400:
            raise _error(answer.status, method, url, text)
        return text

    async def text(self, url: str, query: Mapping[str, str]) -> bytes:
        """What a GET answers, as it came: for those who parse a part of it. Raises as `request` does."""
        return await self._send("GET", url, query, None, "application/json", "application/json")

    async def get(self, key: ObjectKey) -> dict[str, Any] | None:
        """The object, or None."""
        try:
            return await self.request("GET", path(key.api_version, key.kind, key.namespace, key.name))
        except NotFound:
            return None

    async def create(self, manifest: Manifest) -> dict[str, Any]:
        """Creates an object; Conflict if it exists."""
        key = ObjectKey.of(manifest)
        query = {"fieldManager": names.FIELD_MANAGER}
        url = path(key.api_version, key.kind, key.namespace)
        if key.kind == "ControllerRevision":
            # from YAML, which JSON is, the API server itself encodes `data`: it compares its bytes with its own encoding at
            # every later write, also when garbage collection takes an owner's reference away
            return await self.request("POST", url, query, orjson.dumps(manifest), "application/yaml")
        return await self.request("POST", url, query, manifest)

    async def server_side_apply(self, manifest: Manifest) -> dict[str, Any]:
        """Makes our fields what the manifest says, and leaves everybody else's."""
        key = ObjectKey.of(manifest)
        query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
        url = path(key.api_version, key.kind, key.namespace, key.name)
        return await self.request("PATCH", url, query, manifest, "application/apply-patch+yaml")

    async def json_patch(self, key: ObjectKey, operations: list[dict[str, Any]]) -> dict[str, Any]:
        """RFC 6902."""
        url = path(key.api_version, key.kind, key.namespace, key.name)
        return await self.request("PATCH", url, None, operations, "application/json-patch+json")

    async def adopt(self, key: ObjectKey, uid: str, metadata: Manifest) -> dict[str, Any]:
        """Gives this very object these labels and owners, and changes nothing else."""
        body = {"metadata": {"uid": uid, **metadata}}
        url = path(key.api_version, key.kind, key.namespace, key.name)
        query = {"fieldManager": names.FIELD_MANAGER}
        return await self.request("PATCH", url, query, body, "application/merge-patch+json")

    async def annotate(self, key: ObjectKey, uid: str, annotations: Mapping[str, str | None]) -> None:
        """Writes annotations of this very object, and takes those away that are None."""
        body = {"metadata": {"uid": uid, "annotations": dict(annotations)}}
        url = path(key.api_version, key.kind, key.namespace, key.name)
        await self.request("PATCH", url, {"fieldManager": names.FIELD_MANAGER}, body, "application/merge-patch+json")

    async def merge(self, manifest: Manifest, manager: str = names.FIELD_MANAGER) -> dict[str, Any]:
        """RFC 7386: every list of the manifest as a whole, whoever put items into it. `manager` is noted as who wrote it."""
        key = ObjectKey.of(manifest)
        url = path(key.api_version, key.kind, key.namespace, key.name)
        query = {"fieldManager": manager}
        return await self.request("PATCH", url, query, manifest, "application/merge-patch+json")

    async def scale_to(self, owner: Manifest, replicas: int) -> None:
        """Writes spec.replicas of this very object as it was read, through /scale. Raises Conflict where it has changed since."""
        key, meta = ObjectKey.of(owner), owner["metadata"]
        body = {
            "metadata": {"resourceVersion": meta["resourceVersion"], "uid": meta["uid"]},
            "spec": {"replicas": replicas},
        }
        url = path(key.api_version, key.kind, key.namespace, key.name, "scale")
        await self.request("PATCH", url, {"fieldManager": names.FIELD_MANAGER}, body, "application/merge-patch+json")

    async def merge_status(self, key: ObjectKey, body: dict[str, Any]) -> dict[str, Any]:
        """RFC 7386 on the status subresource."""
        url = path(key.api_version, key.kind, key.namespace, key.name, "status")
        return await self.request(
            "PATCH", url, {"fieldManager": names.FIELD_MANAGER}, body, "application/merge-patch+json"
        )

    async def evict(self, key: ObjectKey, uid: str, grace: int) -> None:
        """Evicts this very Pod, which then has so many seconds to end; nothing happens when it is gone. Raises Unavailable while a disruption budget
        holds it."""
        options = {"gracePeriodSeconds": grace, "preconditions": {"uid": uid}}
        meta = {"name": key.name, "namespace": key.namespace}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta, "deleteOptions": options}
        try:
            await self.request("POST", path("v1", "Pod", key.namespace, key.name, "eviction"), None, body)
        except NotFound:
            return

    async def delete(self, key: ObjectKey, uid: str) -> None:
        """Deletes this very object, its dependents in the background; nothing happens when it is gone already."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self.request("DELETE", path(key.api_version, key.kind, key.namespace, key.name), None, options)
        except NotFound:
            return

    async def list_objects(self, api_version: str, kind: str, labels: str = "") -> list[dict[str, Any]]:
        """Every object of a kind in the cluster, from the API server's cache; empty if there is no such kind."""
        query = {"resourceVersion": "0"} | ({"labelSelector": labels} if labels else {})
        try:
            found = await self.request("GET", path(api_version, kind, None), query)
        except NotFound:
            return []
        return [{**item, "apiVersion": api_version, "kind": kind} for item in found["items"] or ()]

    async def list_metadata(self, api_version: str, kind: str, labels: str = "") -> list[ListedObject]:
        """Metadata of every object of a kind in the cluster, from the API server's cache; empty if there is no such kind."""
        query = {"resourceVersion": "0"} | ({"labelSelector": labels} if labels else {})
        url = path(api_version, kind, None)
        try:
            text = await self._send("GET", url, query, None, "application/json", METADATA_ONLY)
        except NotFound:
            return []
        try:
            return PartialObjectMetadataList.of(text)
        except ValidationError as error:
            raise Unavailable(f"GET {url}: something that is no list of metadata") from error

    async def serves(self, api_version: str, kind: str) -> bool:
        """Whether the cluster has this kind at present."""
        try:
            found = await self.request("GET", f"/apis/{api_version}")
        except NotFound:
            return False
        return any(resource["kind"] == kind for resource in found.get("resources", []))


def _said(text: bytes) -> str:
    """The message of a metav1.Status, or whatever a proxy in between wrote."""
    try:
        return str(orjson.loads(text)["message"])
    except (ValueError, TypeError, KeyError):
        return text.decode(errors="replace")[:500]


def _error(status: int, method: str, url: str, text: bytes) -> Exception:
    """The error class for an HTTP status; the message is the API server's own."""
    said = _said(text)
    message = f"{method} {url}: {status} {said}"
    if status == 404:
        return NotFound(message)
    if status == 409:
        return Conflict(message)
    if status == 422:
        return Invalid(said)
    if status in (400, 403, 405, 413, 415) and "being terminated" not in said:
        return Refused(said)
    return Unavailable(message)
