"""`python -m e2e.load HOST:PORT...`: a load until its standard input ends; lines of JSON tell how it goes."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

import uvloop

from e2e.load.generator import Generator, Wanted, address
from e2e.load.report import Line

REACHED = 30.0
"""Seconds within which kube-proxy has heard of a new Service's Pods, on a busy machine, too."""


def main(arguments: list[str]) -> None:
    """Runs until the input ends, and then until the last answer."""
    parser = argparse.ArgumentParser(prog="python -m e2e.load")
    parser.add_argument("addresses", nargs="+", type=address)
    parser.add_argument("--model", default="chat")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--tokens", type=int, default=50)
    parser.add_argument("--silence", type=float, default=20.0)
    given = vars(parser.parse_args(arguments))
    uvloop.run(_run(Wanted(addresses=tuple(given.pop("addresses")), **given)))


async def _run(wanted: Wanted) -> None:
    generator = Generator(wanted, _tell)
    input_ends = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    input_ends.add_done_callback(lambda _: generator.stop())
    await generator.reach(REACHED)
    await generator.run()


def _tell(line: Line) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
