"""A real Kubernetes cluster made of processes: no Docker, no root. See README.md."""

from .cluster import Cluster
from .images import Image
from .launch import ClusterError

__all__ = ["Cluster", "ClusterError", "Image"]
