"""How tests share workers: whatever shares a cluster runs on one worker, so that each worker starts one at most of a kind. And how clients of
tests share what is dear to make."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import httpx
import pytest
from xdist.scheduler import LoadScopeScheduling

SHARED: Sequence[str] = ("e2e/devcluster", "tests/api")
"""Folders whose tests share one cluster of their own, started by the first and ended by the last of them."""

import_module("httpx._transports.default").create_ssl_context = cache(httpx.create_ssl_context)  # type: ignore[attr-defined]
"""One for all clients that verify alike: it reads every authority of the machine, 40 ms of a core, and tests make thousands of clients, most
of which speak no TLS. One that is given a context of its own has that."""


class ByCluster(LoadScopeScheduling):
    """pytest-xdist's scopes, by what tests share: a folder's cluster, a promise of `e2e/`, else a file.

    (`--dist loadgroup` of pytest-xdist 3.8 has no effect with pytest 9.2: it renames the tests where pytest does not look.)
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        shared = next((folder for folder in SHARED if path.startswith(f"{folder}/")), None)
        return shared or (path.rpartition("/")[0] if path.startswith("e2e/") else path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByCluster:
    """Used with `-n N --dist loadscope`."""
    return ByCluster(config, log)
