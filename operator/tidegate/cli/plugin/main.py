"""The command line of `kubectl tidegate`: kubectl finds `kubectl-tidegate` on PATH.

Commands import their parts when they run, so that `--help` is fast.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from tidegate import __version__
from tidegate.cli.caching.main import cache

EXAMPLES = """
Examples:

  kubectl tidegate rollout status -w qwen   watch it to its end
  kubectl tidegate rollout promote qwen     the step under way is over
  kubectl tidegate rollout abort qwen       all requests to the old revision
"""

HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    help="Watch and steer what Tidegate serves.",
    no_args_is_help=True,
    add_completion=False,  # kubectl completes plugins in a way of its own: complete.py
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings=HELP,
)
rollout = typer.Typer(
    help="How a new revision of a model takes over.", no_args_is_help=True, context_settings=HELP, epilog=EXAMPLES
)
app.add_typer(rollout, name="rollout")
scale = typer.Typer(help="Why a model has as many engines as it has.", no_args_is_help=True, context_settings=HELP)
app.add_typer(scale, name="scale")
app.add_typer(cache, name="cache")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A ModelDeployment: qwen, or mdep/qwen.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Its namespace. Default: the context's.")]
Context = Annotated[str, typer.Option(help="A context of the kubeconfig. Default: the current one.")]
Kubeconfig = Annotated[
    str, typer.Option(help="Path of a kubeconfig. Default: those of KUBECONFIG, else ~/.kube/config.")
]


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; exits with the command's code: 0 done, 2 when it could not be, with the reason on standard error."""
    app(args=list(sys.argv[1:] if argv is None else argv), prog_name="kubectl tidegate")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"kubectl-tidegate {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Watch and steer what Tidegate serves."""


@app.command()
def plan(
    files: Annotated[list[str], typer.Option("--filename", "-f", help="A file, a folder, or - for standard input.")],
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show what applying a ModelDeployment would do, and change nothing.

    Whether there is a new revision, its steps, GPUs and whether nodes have them, how long it takes, and whether somebody goes without an
    answer. Exits with 0, and with 2 when it cannot be told.
    """
    from tidegate.cli.plugin.access import Flags
    from tidegate.cli.plugin.run import plan as run

    raise typer.Exit(run(files, Flags(namespace, context, kubeconfig)))


@rollout.command()
def status(
    name: Name,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Until it has ended.")] = False,
    output: Annotated[
        Literal["json"] | None, typer.Option("--output", "-o", help="Print status.rollout instead.")
    ] = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show steps, revisions, objectives, and what can be done next.

    Exits with 0; with --watch with 0 when the newest spec serves and with 1 when it was taken back. 2 when it cannot be told.
    """
    from tidegate.cli.plugin.access import Flags
    from tidegate.cli.plugin.run import status as run

    raise typer.Exit(run(name, Flags(namespace, context, kubeconfig), watch=watch, as_json=output == "json"))


@rollout.command()
def promote(
    name: Name,
    everything: Annotated[bool, typer.Option("--all", help="All steps that are left.")] = False,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """End the step under way, whatever its hold, its objectives and its approval say."""
    _order("promote", name, namespace, context, kubeconfig, everything=everything)


@rollout.command()
def pause(name: Name, namespace: Namespace = "", context: Context = "", kubeconfig: Kubeconfig = "") -> None:
    """Keep the share as it is: nothing is promoted."""
    _order("pause", name, namespace, context, kubeconfig)


@rollout.command()
def resume(name: Name, namespace: Namespace = "", context: Context = "", kubeconfig: Kubeconfig = "") -> None:
    """Go on after a pause."""
    _order("resume", name, namespace, context, kubeconfig)


@rollout.command()
def abort(name: Name, namespace: Namespace = "", context: Context = "", kubeconfig: Kubeconfig = "") -> None:
    """Send everybody back to the revision that serves, at once."""
    _order("abort", name, namespace, context, kubeconfig)


@rollout.command()
def retry(name: Name, namespace: Namespace = "", context: Context = "", kubeconfig: Kubeconfig = "") -> None:
    """Try a revision again that was taken back."""
    _order("retry", name, namespace, context, kubeconfig)


@scale.command()
def explain(
    name: Name,
    output: Annotated[
        Literal["json"] | None, typer.Option("--output", "-o", help="Print what the operator said instead.")
    ] = None,
    operator_namespace: Annotated[str, typer.Option(help="Where the operator runs.")] = "tidegate-system",
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show what each signal asks for, and the operator's last decisions.

    Asks the operator that leads, through the API server; that takes the chart's Role tidegate-explain. Exits with 2 when it cannot be told.
    """
    from tidegate.cli.plugin.access import Flags
    from tidegate.cli.plugin.scaling.run import explain as run

    raise typer.Exit(run(name, Flags(namespace, context, kubeconfig), operator_namespace, as_json=output == "json"))


def _order(verb: str, name: str, namespace: str, context: str, kubeconfig: str, *, everything: bool = False) -> None:
    from tidegate.cli.plugin.access import Flags
    from tidegate.cli.plugin.run import order

    raise typer.Exit(order(verb, name, Flags(namespace, context, kubeconfig), everything=everything))
