"""The API server as kubectl would reach it: the kubeconfig and context that people name, and errors as sentences."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubernetes.aio import client, config

from tidegate.cluster.client import Api, NotFound
from tidegate.errors import Conflict, TidegateError, Unavailable
from tidegate.names import API_VERSION, MODEL_DEPLOYMENT
from tidegate.plan.plan import ObjectKey

MANAGER: Final = "kubectl-tidegate"
"""Under which name the API server notes who wrote a field."""
STANDARD: Final = "~/.kube/config"


class NoAccess(TidegateError):
    """There is no kubeconfig, or it does not lead anywhere."""


class NoModel(TidegateError):
    """There is no such ModelDeployment."""


@dataclass(frozen=True)
class Flags:
    """kubectl's names for where a cluster is; empty is what kubectl takes then."""

    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""

    @property
    def typed(self) -> tuple[str, ...]:
        """As they have to be typed again."""
        given = (("-n", self.namespace), ("--context", self.context), ("--kubeconfig", self.kubeconfig))
        return tuple(part for flag, value in given if value for part in (flag, value))


@dataclass(frozen=True)
class Cluster:
    """A namespace of it."""

    api: Api
    namespace: str

    async def read(self, name: str) -> dict[str, Any]:
        """The ModelDeployment. Raises NoModel, or what Api raises."""
        found = await self.api.get(self._key(name))
        if found is None:
            raise NoModel(self._none(name))
        return found

    async def write(self, model: Mapping[str, Any], patch: Mapping[str, Any]) -> None:
        """A merge patch on this very object, as it was read but for what changes by itself. Raises as `read` does, and Conflict."""
        meta = model["metadata"]
        precise = {"name": meta["name"], "namespace": self.namespace, "uid": meta["uid"]}
        body = {**patch, "metadata": {**patch.get("metadata", {}), **precise}}
        try:
            await self.api.merge({"apiVersion": API_VERSION, "kind": MODEL_DEPLOYMENT, **body}, manager=MANAGER)
        except NotFound as error:
            raise NoModel(self._none(meta["name"])) from error
        except Conflict as error:
            raise NoModel(f"mdep/{meta['name']} was replaced by another one meanwhile; look again") from error

    def _key(self, name: str) -> ObjectKey:
        return ObjectKey(API_VERSION, MODEL_DEPLOYMENT, self.namespace, name)

    def _none(self, name: str) -> str:
        return f"there is no ModelDeployment {name} in namespace {self.namespace}; see: kubectl get mdep -n {self.namespace}"


@asynccontextmanager
async def opened(flags: Flags) -> AsyncIterator[Cluster]:
    """The cluster, until the block ends. Raises NoAccess."""
    settings = client.Configuration()
    namespace = await _configure(settings, flags)
    connection = client.ApiClient(settings)
    try:
        yield Cluster(Api(connection), flags.namespace or namespace or "default")
    finally:
        await connection.close()


async def _configure(settings: client.Configuration, flags: Flags) -> str:
    """Writes address and identity into the settings; returns the context's namespace, or nothing."""
    files = flags.kubeconfig or os.environ.get("KUBECONFIG") or STANDARD
    if not _exists(files):
        return _in_cluster(settings, files, flags)
    try:
        loaded = await config.load_kube_config(
            config_file=files, context=flags.context or None, client_configuration=settings, persist_config=False
        )
        return str(loaded.current_context["context"].get("namespace") or "")
    except Exception as error:  # the reader of kubeconfigs raises whatever a file that is none makes it stumble over
        raise NoAccess(_unusable(files, flags.context, error)) from error


def _exists(files: str) -> bool:
    return any(Path(file).expanduser().exists() for file in files.split(os.pathsep) if file)


def _in_cluster(settings: client.Configuration, files: str, flags: Flags) -> str:
    """As kubectl does in a Pod, where nobody named a file."""
    try:
        if flags.kubeconfig or flags.context:
            raise config.ConfigException
        config.load_incluster_config(client_configuration=settings)
    except config.ConfigException:
        said = "" if files == STANDARD else f" ({files})"
        raise NoAccess(
            f"there is no kubeconfig{said}: name one with --kubeconfig or KUBECONFIG, or put it at {STANDARD}"
        ) from None
    return ""


def _unusable(files: str, context: str, error: Exception) -> str:
    where = f"context {context} of kubeconfig {files}" if context else f"kubeconfig {files}"
    return f"{where} cannot be used: {str(error) or type(error).__name__}"


def sentence(error: TidegateError) -> str:
    """What people are told."""
    return f"the API server does not answer: {error}" if isinstance(error, Unavailable) else str(error)
