"""Tidegate: a Kubernetes operator for serving LLMs in production."""

__version__ = "0.1.0"
