"""What is written once in a router Pod's life is written down here, so that nobody changes it without meaning to: a change of the
listener is live only in Pods that are made after it, and ends streams wherever it would be written into one that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plan.test_golden import Plain
from tidegate.envoy.bootstrap import bootstrap
from tidegate.envoy.snapshot import listeners
from tidegate.envoy.start import Start, collector

GOLDEN = Path(__file__).parent / "golden"
PLAIN = Start("/run/tidegate")
ALL = Start(
    "/run/tidegate",
    "0.0.0.0",
    1,
    2,
    1 << 30,
    collector("http://collector:4318", "chat-router.shop"),
    module="tidegate-0a1b2c3d",
    rto_max=True,
)
WRITTEN = {
    "listener": listeners(PLAIN),
    "bootstrap": bootstrap(PLAIN),
    "listener-everything": listeners(ALL),
    "bootstrap-everything": bootstrap(ALL),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_it_is_as_written_down(what: str, update_golden: bool) -> None:
    file, made = GOLDEN / f"{what}.yaml", WRITTEN[what]
    if update_golden:
        file.write_text(yaml.dump(made, Dumper=Plain, sort_keys=False, width=140))
    assert made == yaml.safe_load(file.read_text()), "read the difference; `make golden` accepts it"


def names(value: Any) -> set[str]:
    """Of every cluster that is named anywhere."""
    if isinstance(value, dict):
        here = {value["cluster"]} if isinstance(value.get("cluster"), str) else set()
        return here.union(*(names(inner) for inner in value.values()))
    return set().union(*(names(inner) for inner in value)) if isinstance(value, list) else set()


def test_what_the_listener_names_stands_in_the_bootstrap() -> None:
    there = {cluster["name"] for cluster in bootstrap(ALL)["static_resources"]["clusters"]}
    assert names(listeners(ALL)["resources"]) <= there
    assert names(listeners(ALL)["resources"]) == {"records", "answers", "collector"}
