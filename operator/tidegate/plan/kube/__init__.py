"""Kubernetes objects as such: their metadata, what Pods say, strategic merge, and where two documents differ."""
