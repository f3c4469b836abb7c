"""external.metrics.k8s.io/v1beta1, as HorizontalPodAutoscalers ask for it: what the leader's Scaler saw last, and nothing of its own.

The API server's aggregation layer asks here, after it has authenticated and authorised whoever asked it. Who reaches the port directly
reads what /metrics says as well, so that nobody is asked for more. A standby has nothing to tell, so that the Service leads to the leader
alone: it has no selector, and who leads writes its EndpointSlice (`endpoints`).

    metric                       selector             value
    --------------------------   ------------------   ----------------------------------------------------------------
    tidegate-desired-replicas    model                engines that the operator would ask for
    tidegate-signal              model, signal        the signal's total (plan/scaling/totals.py)
    any other, or not known      any                  no item: an HPA holds

https://github.com/kubernetes/metrics/blob/master/IMPLEMENTATIONS.md#external-metrics-api
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from tidegate import names
from tidegate.control.keys import owner_key
from tidegate.plan.plan import ObjectKey
from tidegate.plan.scaling.account import Look

log = logging.getLogger("tidegate.metrics")

GROUP_VERSION: Final = "external.metrics.k8s.io/v1beta1"
LIST: Final = "ExternalMetricValueList"
ROOT: Final = f"/apis/{GROUP_VERSION}"

Newest = Callable[[ObjectKey], Look | None]


async def serve(folder: str, port: int, newest: Newest) -> web.AppRunner:
    """Starts the server with tls.crt and tls.key of a folder; the caller cleans it up. Raises OSError or SSLError for files that are none."""
    runner = web.AppRunner(application(newest), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port, ssl_context=context(folder)).start()
    return runner


def context(folder: str) -> ssl.SSLContext:
    """Shows tls.crt and tls.key of a folder. One that was renewed since is taken by the first connection that comes, and shown to those after
    it; one that cannot be read leaves the last good one in force."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate, key = Path(folder) / "tls.crt", Path(folder) / "tls.key"
    made.load_cert_chain(certificate, key)
    loaded = certificate.read_bytes()

    def renew(*_: object) -> None:
        nonlocal loaded
        try:
            if (found := certificate.read_bytes()) != loaded:
                made.load_cert_chain(certificate, key)
                loaded = found
        except OSError as error:
            log.warning("the certificate of external metrics cannot be renewed: %s", error)

    made.sni_callback = renew
    return made


def application(newest: Newest) -> web.Application:
    """The two paths that there are; the aggregation layer takes 404 for what else it looks for."""

    async def resources(_: web.Request) -> web.Response:
        return web.json_response(_resources())

    async def values(request: web.Request) -> web.Response:
        labels = selected(request.query.get("labelSelector", ""))
        key = owner_key(names.MODEL_DEPLOYMENT, request.match_info["namespace"], labels.get("model", ""))
        metric = request.match_info["metric"]
        return web.json_response(_values(metric, labels, newest(key)))

    app = web.Application()
    app.router.add_get(ROOT, resources)
    app.router.add_get(ROOT + "/namespaces/{namespace}/{metric}", values)
    return app


def _resources() -> dict[str, Any]:
    told = [
        {"name": name, "singularName": "", "namespaced": True, "kind": LIST, "verbs": ["get"]}
        for name in (names.DESIRED_METRIC, names.SIGNAL_METRIC)
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP_VERSION, "resources": told}


def selected(selector: str) -> dict[str, str]:
    """`model=qwen,signal=queue`: HPAs that we make have equalities alone."""
    return dict(part.strip().split("=", 1) for part in selector.replace("==", "=").split(",") if "=" in part)


def _values(metric: str, labels: Mapping[str, str], look: Look | None) -> dict[str, Any]:
    value = number(metric, labels, look)
    items = [] if value is None or look is None else [_item(metric, labels, value, look.at)]
    return {"kind": LIST, "apiVersion": GROUP_VERSION, "metadata": {}, "items": items}


def number(metric: str, labels: Mapping[str, str], look: Look | None) -> float | None:
    """The table."""
    if look is None:
        return None
    if metric == names.DESIRED_METRIC:
        return float(look.decision.replicas)
    return look.totals.get(labels.get("signal", "")) if metric == names.SIGNAL_METRIC else None


def _item(metric: str, labels: Mapping[str, str], value: float, at: float) -> dict[str, Any]:
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "metricName": metric,
        "metricLabels": dict(labels),
        "timestamp": stamp,
        "value": f"{round(value * 1000)}m",
    }


def endpoints(namespace: str, pod: str, address: str) -> dict[str, Any]:
    """The EndpointSlice of the Service: this Pod alone."""
    target = {"kind": "Pod", "namespace": namespace, "name": pod}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": names.METRICS_SERVICE,
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": names.METRICS_SERVICE, names.MANAGED_BY_LABEL: names.MANAGED_BY},
        },
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}, "targetRef": target}],
        "ports": [{"name": "https", "port": names.METRICS_PORT, "protocol": "TCP"}],
    }
