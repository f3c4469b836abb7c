"""`tidegate`: one command for the processes of both planes and for people's own questions."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tidegate import __version__
from tidegate.names import BRAIN_PORT

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    top = argparse.ArgumentParser(prog="tidegate", description="Serve LLMs on Kubernetes.")
    top.add_argument("--version", action="version", version=f"tidegate {__version__}")
    commands = top.add_subparsers(dest="command", required=True)

    commands.add_parser("operator", help="run the operator (settings come from TIDEGATE_* variables)")

    brain = commands.add_parser("brain", help="run a router's brain beside its Envoy")
    brain.add_argument("--namespace", required=True, help="namespace of the policy")
    brain.add_argument("--config-map", required=True, help="ConfigMap that holds the RouterConfig")
    brain.add_argument("--run-dir", required=True, type=Path, help="folder that Envoy reads")
    brain.add_argument("--port", type=int, default=BRAIN_PORT, help="port of probes, status and metrics")
    brain.add_argument("--drain-seconds", type=float, default=900.0, help="longest wait for open streams at the end")
    brain.add_argument("--drain-key", required=True, help="what a request for a drain has to show")

    render = commands.add_parser("render", help="print what the operator would apply for these manifests")
    render.add_argument("files", nargs="+", metavar="FILE", help="manifests, or - for standard input")
    render.add_argument("--envoy", action="store_true", help="print the routers' Envoy configuration instead")
    render.add_argument("--namespace", default="default", help="namespace of manifests that name none")
    render.add_argument("--with", dest="capabilities", action="append", default=[], choices=["PodMonitor", "LeaderWorkerSet"],
                        help="render as for a cluster that has this kind")  # fmt: skip

    validate = commands.add_parser("validate", help="check manifests as the API server would")
    validate.add_argument("files", nargs="+", metavar="FILE", help="manifests, or - for standard input")
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; exits with the command's code."""
    args = parser().parse_args(argv)
    sys.exit(globals()[f"_{args.command}"](args))


def _log(level: str) -> None:
    """Our own words at `level`; libraries only when something is wrong."""
    logging.basicConfig(level=level, format=FORMAT)
    for library in ("httpx", "kopf", "aiohttp"):
        logging.getLogger(library).setLevel(logging.WARNING)


def _operator(_: argparse.Namespace) -> int:
    import uvloop

    from tidegate.control.startup import main as run
    from tidegate.settings import from_environment

    settings = from_environment(os.environ)
    _log(settings.log_level)
    uvloop.run(run(settings))
    return 0


def _brain(args: argparse.Namespace) -> int:
    import uvloop

    from tidegate.brain.main import run

    _log(os.environ.get("TIDEGATE_LOG_LEVEL", "INFO"))
    uvloop.run(run(args.namespace, args.config_map, args.run_dir, args.port, args.drain_seconds, args.drain_key))
    return 0


def _render(args: argparse.Namespace) -> int:
    from tidegate.cli.render import render

    return render(args.files, args.namespace, args.capabilities, envoy=args.envoy)


def _validate(args: argparse.Namespace) -> int:
    from tidegate.cli.validate import validate

    return validate(args.files)
