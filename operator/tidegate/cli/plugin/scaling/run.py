"""The command: one read of the model, one question to the operator."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

from tidegate.cli.plugin import access
from tidegate.cli.plugin.access import Cluster, Flags
from tidegate.cli.plugin.address import Address, bare_name
from tidegate.cli.plugin.run import ended
from tidegate.cli.plugin.scaling.ask import NoAccount, ask
from tidegate.cli.plugin.scaling.looks import looks
from tidegate.cli.plugin.scaling.picture import picture
from tidegate.cli.plugin.scaling.words import at_rest, by_status
from tidegate.plan.kube.reading import integer


def explain(name: str, flags: Flags, operator: str, *, as_json: bool) -> int:
    """Returns the exit status: 0, or 2 when it cannot be told. `operator` is the operator's namespace."""
    return ended(_explain(name, flags, operator, as_json))


async def _explain(name: str, flags: Flags, operator: str, as_json: bool) -> int:
    bare = bare_name(name)
    async with access.opened(flags) as cluster:
        to = Address(bare, cluster.namespace, flags.typed)
        model = await cluster.read(bare)
        if words := at_rest(model, to):
            print(words)
            return 0
        return await _show(cluster, model, to, operator, as_json)


async def _show(cluster: Cluster, model: dict[str, Any], to: Address, operator: str, as_json: bool) -> int:
    try:
        said = await ask(cluster.api, operator, cluster.namespace, to.name)
    except NoAccount as none:
        print(by_status(model, str(none), to), file=sys.stderr)
        return 2
    found = looks(said)
    if as_json:
        print(json.dumps(said, indent=2))
    elif found:
        Console(highlight=False).print(picture(found, integer(said, "silent"), to))
    else:
        print(f"{to.shown}: the operator that leads has just begun to look at it; ask again in 5 s")
    return 0
