"""`python -m e2e.devcluster up|down|status|shell|exec|images`."""

from __future__ import annotations

import argparse
import os
import sys
import time

from . import build, control, golang, launch, requirements
from .cluster import Cluster, say
from .launch import ClusterError
from .settings import MOST_NODES

ERRORS = (ClusterError, golang.BuildError, requirements.RequirementError, control.ControlError)


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.run(arguments) or 0)
    except ERRORS as error:
        print(f"devcluster: {error}", file=sys.stderr)
        return 1


def up(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    cluster = Cluster.start(arguments.name, nodes=arguments.nodes, gpus=arguments.gpus)
    say(f"{time.monotonic() - started:6.1f} s in all; {cluster.settings.nodes} nodes of {cluster.settings.gpus} GPUs")
    print(f"export KUBECONFIG={cluster.kubeconfig}")


def prepare(_: argparse.Namespace) -> None:
    requirements.check()
    build.kubernetes(say)
    build.commands(say)
    build.prometheus(say)


def down(arguments: argparse.Namespace) -> None:
    launch.stop(launch.state_folder(arguments.name))


def status(arguments: argparse.Namespace) -> None:
    cluster = Cluster.attach(arguments.name)
    print(cluster.kubectl("get", "nodes", "-o", "wide"))
    for name, pid in sorted(cluster.processes.items()):
        print(f"{pid:>8}  {name}")


def shell(arguments: argparse.Namespace) -> int:
    return _replace_by(Cluster.attach(arguments.name), [os.environ.get("SHELL", "/bin/sh")])


def execute(arguments: argparse.Namespace) -> int:
    return _replace_by(Cluster.attach(arguments.name), arguments.command)


def images(arguments: argparse.Namespace) -> None:
    print(Cluster.attach(arguments.name).settings.image_table.read_text())


def _replace_by(cluster: Cluster, argv: list[str]) -> int:
    command = cluster.inside(argv)
    os.execvpe(command[0], command, cluster.inside_environment())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="devcluster", description=__doc__)
    commands = parser.add_subparsers(required=True)
    texts = {
        up: "start a cluster and leave it running",
        prepare: "build what is not built yet, so that nobody waits for it later",
        down: "end a cluster and remove all that it left",
        status: "nodes and processes",
        shell: "a shell inside the cluster's network, with KUBECONFIG set",
        execute: "run a command inside: exec -- COMMAND",
        images: "print the image table",
    }
    for function, text in texts.items():
        name = "exec" if function is execute else function.__name__
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--name", default="dev")
        command.set_defaults(run=function)
        if function is up:
            command.add_argument("--nodes", type=int, default=2, choices=range(1, MOST_NODES + 1), metavar="N")
            command.add_argument("--gpus", type=int, default=4, help="of each node")
        if function is execute:
            command.add_argument("command", nargs="+")
    return parser


if __name__ == "__main__":
    sys.exit(main())
