"""Addresses, Services, names, and who is let in."""

from __future__ import annotations

from functools import partial

import pytest

from e2e.devcluster import ClusterError

from .conftest import Namespace
from .manifests import PYTHON, container, pod, service, web

pytestmark = pytest.mark.cluster

FETCH = (
    "import sys, urllib.request as u; print(*(u.urlopen(x, timeout=5).status for x in sys.argv[1:] for _ in range(10)))"
)


def test_a_pod_reaches_services_by_name_also_its_own(ns: Namespace) -> None:
    """Ten requests each, over both nodes: one of the Pods behind `web` is the one that asks."""
    ns.apply(
        web("web1", {"app": "web"}, nodeName="node1", hostname="one", subdomain="peers"),
        web("web2", {"app": "web"}, nodeName="node2", hostname="two", subdomain="peers"),
        service("web"),
        service("peers", port=8000, selector={"app": "web"}, clusterIP="None"),
    )
    ns.until_ready("web1", "web2")
    names = ["web", f"web.{ns.name}.svc.cluster.local", "one.peers:8000", f"two.peers.{ns.name}:8000"]
    urls = [f"http://{name}/" for name in names]
    for asker in ("web1", "web2"):
        fetch = partial(ns.kubectl, "exec", asker, "--", "python3", "-c", FETCH, *urls)
        statuses: str = ns.until(fetch, "all names answer")
        assert statuses.split() == ["200"] * 40


def test_a_service_follows_its_pods(ns: Namespace) -> None:
    ns.apply(web("web1", {"app": "web"}), service("web"))
    ns.until_ready("web1")
    url = f"http://web.{ns.name}/"
    ns.apply(pod("asks", container(image=PYTHON)))
    ns.until_ready("asks")
    fetch = ["exec", "asks", "--", "python3", "-c", FETCH, url]
    assert ns.until(lambda: ns.kubectl(*fetch), "the Service answers").split() == ["200"] * 10

    ns.delete("web1")
    ns.until(lambda: "refused" in kubectl_error(ns, *fetch), "the Service refuses")


def kubectl_error(ns: Namespace, *arguments: str) -> str:
    try:
        ns.kubectl(*arguments)
    except ClusterError as error:
        return str(error)
    return ""


ASK_API = """
import json, ssl, sys, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
tls = ssl.create_default_context(cafile=folder + "ca.crt")
token = open(folder + "token").read()
for path in sys.argv[1:]:
    request = urllib.request.Request("https://kubernetes.default.svc" + path, headers={"Authorization": "Bearer " + token})
    try:
        print(urllib.request.urlopen(request, context=tls).status)
    except urllib.error.HTTPError as error:
        print(error.code, json.load(error)["message"])
"""


def test_a_service_account_is_known_and_may_only_what_its_role_says(ns: Namespace) -> None:
    ns.kubectl("create", "role", "reader", "--verb=list", "--resource=pods")
    ns.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={ns.name}:default")
    asks = ["python3", "-c", ASK_API, f"{ns.path}/pods", f"{ns.path}/secrets"]
    ns.apply(pod("asks", container(asks, image=PYTHON), restartPolicy="Never"))
    ns.until_ended("asks")

    allowed, refused = ns.logs("asks").splitlines()
    assert allowed == "200"
    assert f"system:serviceaccount:{ns.name}:default" in refused
    assert "cannot list resource" in refused


def test_a_restricted_namespace_refuses_a_careless_pod(ns: Namespace) -> None:
    ns.kubectl("label", "namespace", ns.name, "pod-security.kubernetes.io/enforce=restricted")
    with pytest.raises(ClusterError, match="violates PodSecurity"):
        ns.apply(pod("careless"))


def test_a_pod_may_listen_on_a_low_port_as_anybody(ns: Namespace) -> None:
    server = container(["python3", "-m", "http.server", "80"], image=PYTHON, securityContext={"runAsUser": 1000})
    server["readinessProbe"] = {"tcpSocket": {"port": 80}, "periodSeconds": 1}
    ns.apply(pod("low", server))
    ns.until_ready("low")


def test_a_pod_on_the_hosts_network_shares_the_nodes(ns: Namespace) -> None:
    ns.apply(web("host", nodeName="node2", hostNetwork=True))
    ns.until_ready("host")
    assert ns.pod("host")["status"]["podIP"] == "10.250.0.3"
