"""Who wrote what, from the API server's audit log."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

from e2e.devcluster import Cluster
from e2e.install import NAMESPACE

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:tidegate"
READS = ("get", "list", "watch")


def writes(cluster: Cluster, begin: datetime, end: datetime) -> Counter[str]:
    """Writing requests of the operator's account between two times, by verb and resource; those of its Lease apart."""
    found: Counter[str] = Counter()
    for log in cluster.settings.logs.glob("audit*.log"):
        with log.open() as lines:
            for line in lines:
                if ACCOUNT in line and (event := json.loads(line))["user"]["username"] == ACCOUNT:
                    at = datetime.fromisoformat(event["requestReceivedTimestamp"])
                    if event["verb"] not in READS and begin <= at < end:
                        found[f"{event['verb']} {event['objectRef']['resource']}"] += 1
    del found["update leases"]
    return found
