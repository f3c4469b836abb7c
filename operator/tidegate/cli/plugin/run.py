"""The commands: one connection each, what was written or seen on standard output, and on standard error why it could not be."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial

from rich.console import Console
from rich.live import Live

from tidegate.cli.manifests import read
from tidegate.cli.plugin import access
from tidegate.cli.plugin.access import Cluster, Flags, sentence
from tidegate.cli.plugin.address import Address, bare_name
from tidegate.cli.plugin.asked import models
from tidegate.cli.plugin.foresee import applied, foresee, lines
from tidegate.cli.plugin.lines import changes
from tidegate.cli.plugin.looks import Looks
from tidegate.cli.plugin.orders import VERBS, promote
from tidegate.cli.plugin.picture import picture
from tidegate.cli.plugin.seen import Seen, seen
from tidegate.cli.plugin.surroundings import around
from tidegate.cli.plugin.watch import follow
from tidegate.errors import TidegateError
from tidegate.names import API_VERSION, MODEL_DEPLOYMENT
from tidegate.plan.plan import ObjectKey

Show = Callable[[Seen, str], None]
"""What was seen, and why it is not newer."""
INTERRUPTED = 130
"""As shells have it for SIGINT."""


def status(name: str, flags: Flags, *, watch: bool, as_json: bool) -> int:
    """Returns the exit status."""
    return ended(_status(name, flags, watch, as_json))


def order(verb: str, name: str, flags: Flags, *, everything: bool = False) -> int:
    """Returns the exit status."""
    return ended(_order(verb, name, flags, everything))


def plan(files: Sequence[str], flags: Flags) -> int:
    """Returns the exit status."""
    return ended(_plan(files, flags))


def ended(command: Coroutine[None, None, int]) -> int:
    """Runs it; what it raises is told on standard error."""
    try:
        return asyncio.run(command)
    except (TidegateError, ValueError) as error:
        print(sentence(error) if isinstance(error, TidegateError) else error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED


async def _order(verb: str, name: str, flags: Flags, everything: bool) -> int:
    bare = bare_name(name)
    async with access.opened(flags) as cluster:
        model = await cluster.read(bare)
        to = Address(bare, cluster.namespace, flags.typed)
        decide = partial(promote, everything=True) if everything else VERBS[verb]
        wanted = decide(seen(model), to)
        await cluster.write(model, wanted.patch)
    print(*wanted.said, sep="\n")
    return 0


async def _plan(files: Sequence[str], flags: Flags) -> int:
    wanted = models(read(files), flags.namespace)
    async with access.opened(flags) as cluster:
        for manifest in wanted:
            namespace = manifest["metadata"].get("namespace", cluster.namespace)
            live = await cluster.api.get(
                ObjectKey(API_VERSION, MODEL_DEPLOYMENT, namespace, manifest["metadata"]["name"])
            )
            world = await around(cluster.api, applied(live, manifest, namespace), live is not None)
            print(*lines(foresee(world, datetime.now(UTC))), sep="\n")
    return 0


async def _status(name: str, flags: Flags, watch: bool, as_json: bool) -> int:
    bare = bare_name(name)
    async with access.opened(flags) as cluster:
        if as_json:
            model = await cluster.read(bare)
            print(json.dumps(model.get("status", {}).get("rollout"), indent=2))
            return 0
        to, console = Address(bare, cluster.namespace, flags.typed), Console(highlight=False)
        read = partial(_read, cluster, bare)
        return await _watch(read, to, console) if watch else await _once(read, to, console)


async def _read(cluster: Cluster, name: str) -> Seen:
    return seen(await cluster.read(name))


async def _once(read: Callable[[], Awaitable[Seen]], to: Address, console: Console) -> int:
    found, looks = await read(), Looks()
    looks.note(found)
    console.print(picture(found, to, looks, datetime.now(UTC)))
    return 0


async def _watch(read: Callable[[], Awaitable[Seen]], to: Address, console: Console) -> int:
    screen, show = viewer(to, console)
    with screen:
        return await follow(read, show)


def viewer(to: Address, console: Console) -> tuple[AbstractContextManager[object], Show]:
    """The context in which a rollout is shown, and what shows: a live view, or lines where there is no terminal."""
    return _pictures(to, console) if console.is_terminal else (nullcontext(), _lines(to))


def _pictures(to: Address, console: Console) -> tuple[AbstractContextManager[object], Show]:
    live, looks = Live(console=console, auto_refresh=False), Looks()

    def show(now: Seen, trouble: str) -> None:
        looks.note(now)
        live.update(picture(now, to, looks, datetime.now(UTC), trouble), refresh=True)

    return live, show


def _lines(to: Address) -> Show:
    last: Seen | None = None

    def show(now: Seen, trouble: str) -> None:
        nonlocal last
        if trouble:
            print(f"the API server does not answer: {trouble}", file=sys.stderr, flush=True)
        for line in changes(last, now, to):
            print(line, flush=True)
        last = now

    return show
