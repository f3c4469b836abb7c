"""The command lines of etcd, the API server, the controllers, the scheduler, kube-proxy and DNS."""

from __future__ import annotations

import json
from typing import Any

from .settings import POD_CIDR, SERVER_IP, SERVICE_CIDR, Settings

ETCD_URL = "http://127.0.0.1:2379"
# Tests start many Pods at once: the stock 20 requests a second would be what they measure.
FAST_CLIENT = ["--kube-api-qps=300", "--kube-api-burst=600"]


def etcd(settings: Settings) -> list[str]:
    data = settings.state / "etcd"
    data.mkdir(mode=0o700, exist_ok=True)
    return [
        str(settings.binaries / "etcd"),
        f"--data-dir={data}",
        f"--listen-client-urls={ETCD_URL}",
        f"--advertise-client-urls={ETCD_URL}",
        "--log-level=warn",
        "--unsafe-no-fsync",  # a cluster that ends with its first process has no power cut to survive
    ]


def apiserver(settings: Settings) -> list[str]:
    """As kubeadm sets it up: Node and RBAC authorization, NodeRestriction, aggregation, Pod security, audit."""
    pki = settings.pki
    policy = settings.state / "audit-policy.json"
    policy.write_text(json.dumps(audit_policy()))
    return [
        str(settings.binaries / "kube-apiserver"),
        f"--etcd-servers={ETCD_URL}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={SERVER_IP}",
        "--secure-port=6443",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--service-account-key-file={pki}/sa.key",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--requestheader-client-ca-file={pki}/front.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-client.crt",
        f"--proxy-client-key-file={pki}/front-client.key",
        "--enable-aggregator-routing=true",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--default-not-ready-toleration-seconds={settings.eviction_seconds}",
        f"--default-unreachable-toleration-seconds={settings.eviction_seconds}",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={settings.logs}/audit.log",
        "--audit-log-maxsize=100",
        "--audit-log-maxbackup=1",
    ]


def audit_policy() -> dict[str, Any]:
    """One line for each request of a person or a ServiceAccount: what does the operator really use, what was refused."""
    own = ["system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy", "system:apiserver"]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "users": own},
            {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]},
            {"level": "Metadata"},
        ],
    }


def controller_manager(settings: Settings) -> list[str]:
    pki, kubeconfig = settings.pki, settings.kubeconfig("controller-manager")
    return [
        str(settings.binaries / "kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=true",  # it ends with its Lease: one that went on after a long silence would take all nodes for lost
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_CIDR}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--node-monitor-period=1s",
        "--node-monitor-grace-period=16s",  # kubelets here renew their lease every 3 s instead of 10
        *FAST_CLIENT,
    ]


def scheduler(settings: Settings) -> list[str]:
    kubeconfig = settings.kubeconfig("scheduler")
    return [
        str(settings.binaries / "kube-scheduler"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        *FAST_CLIENT,
    ]


def proxy(settings: Settings) -> list[str]:
    """One kube-proxy serves all nodes, because they share a network namespace."""
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(settings.kubeconfig("proxy"))},
        "clusterCIDR": POD_CIDR,
        "hostnameOverride": "node1",
        "bindAddress": SERVER_IP,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "conntrack": {"maxPerCore": 0, "min": 0},
        "nftables": {"minSyncPeriod": "0s"},
        "nodePortAddresses": ["127.0.0.0/8"],
    }
    path = settings.state / "proxy.json"
    path.write_text(json.dumps(config))
    return [str(settings.binaries / "kube-proxy"), f"--config={path}"]


def dns(settings: Settings) -> list[str]:
    path = settings.state / "Corefile"
    path.write_text(f"""\
.:53 {{
  bind {SERVER_IP}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {settings.kubeconfig("dns")} devcluster
    pods insecure
    ttl 5
  }}
}}
""")
    return [str(settings.commands / "dns"), "-conf", str(path)]
