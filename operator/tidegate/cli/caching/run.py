"""The commands: one connection each, what was seen or done on standard output, and on standard error why it could not be."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tidegate.brain.cache.admin import Criteria
from tidegate.cli.caching import purge as purging
from tidegate.cli.caching import seen
from tidegate.cli.caching.explain import CannotTell, Written, explained
from tidegate.cli.caching.purge import NotPurged
from tidegate.cli.caching.stats import lines
from tidegate.cli.plugin import access
from tidegate.cli.plugin.access import Flags
from tidegate.cli.plugin.run import ended


def stats(name: str, flags: Flags, *, as_json: bool) -> int:
    """Returns the exit status."""
    return ended(_stats(name, flags, as_json))


def explain(name: str, flags: Flags, written: Written) -> int:
    """Returns the exit status."""
    return ended(_explain(name, flags, written))


def purge(name: str, flags: Flags, criteria: Criteria, *, everything: bool) -> int:
    """Returns the exit status."""
    return ended(_purge(name, flags, criteria, everything))


async def _stats(name: str, flags: Flags, as_json: bool) -> int:
    bare = seen.bare_name(name)
    async with access.opened(flags) as cluster:
        policy, pods = await seen.read(cluster, bare), await seen.routers(cluster, bare)
        said = dict(zip(pods, await asyncio.gather(*(seen.told(cluster, pod) for pod in pods)), strict=True))
    tiers = sorted({tier for one in said.values() for tier in one})
    if as_json:
        print(json.dumps(said, indent=2))
    elif tiers:
        print(*(line for tier in tiers for line in lines(tier, said)), sep="\n")
    if not tiers and not as_json:
        print(f"rpol/{bare}: its routers keep no answers")
    if policy.condition:
        print(f"ResponseCache is False: {policy.condition}", file=sys.stderr)
    return 0


async def _explain(name: str, flags: Flags, written: Written) -> int:
    bare = seen.bare_name(name)
    body = written.body(_text(written.filename))
    async with access.opened(flags) as cluster:
        found = explained(await seen.read(cluster, bare), body, written)
    print(*found.lines, sep="\n")
    return 0 if found.kept else 1


def _text(filename: str) -> str | None:
    """Of the file. Raises CannotTell."""
    if not filename:
        return None
    try:
        return sys.stdin.read() if filename == "-" else Path(filename).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTell(f"{filename}: {error}") from error


async def _purge(name: str, flags: Flags, criteria: Criteria, everything: bool) -> int:
    bare = seen.bare_name(name)
    if everything == _selective(criteria):
        raise CannotTell(
            "say which answers: --tenant, --model, --revision, --prompt or --similar-to; or --all, and none of these"
        )
    async with access.opened(flags) as cluster:
        pods, namespace = await seen.routers(cluster, bare), cluster.namespace
    done, failed = [], []
    for pod in pods:  # one after the other: the first empties the store, and tells the others
        try:
            done.append(await purging.told(purging.argv(flags, namespace, pod, criteria)))
        except NotPurged as error:
            failed.append(f"router {pod}: {error}")
    if done:
        print(purging.words(purging.together(done, really=criteria.really), len(done), really=criteria.really))
    print(*failed, sep="\n", end="\n" if failed else "", file=sys.stderr)
    return 2 if failed else 0


def _selective(criteria: Criteria) -> bool:
    return any((criteria.tenant, criteria.model, criteria.revision, criteria.prompt, criteria.similar_to))
