"""The objects that a fresh cluster is given: the DNS Service and the default StorageClass."""

from __future__ import annotations

from typing import Any

from .settings import DNS_SERVICE_IP, SERVER_IP

PROVISIONER = "tidegate.dev/host-folder"
DNS_PORTS = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]


def objects() -> list[tuple[str, dict[str, Any]]]:
    """Pairs of the API path to post to and the object."""
    return [
        ("/api/v1/namespaces/kube-system/services", dns_service()),
        ("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", dns_endpoints()),
        ("/apis/storage.k8s.io/v1/storageclasses", storage_class()),
    ]


def dns_service() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
        "spec": {"clusterIP": DNS_SERVICE_IP, "ports": DNS_PORTS},
    }


def dns_endpoints() -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": "kube-dns"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns-1", "namespace": "kube-system", "labels": labels},
        "addressType": "IPv4",
        "ports": DNS_PORTS,
        "endpoints": [{"addresses": [SERVER_IP], "conditions": {"ready": True}}],
    }


def storage_class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }
