"""`tidegate`: one command for people's own questions and for the processes of both planes.

Each command imports its parts when it runs, so that `--help` and a router's brain start without what they do not need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tidegate import __version__
from tidegate.cli.caching.main import cache
from tidegate.names import ANY_ADDRESS, BIND_VARIABLE, BRAIN_PORT, RUN_DIR

if TYPE_CHECKING:
    from tidegate.settings import Settings

PEOPLE = "For people, without a cluster"
CLUSTER = "For people, with a cluster"
PROCESSES = "Processes, as the chart and the operator start them"
EXAMPLES = """
Examples:

  tidegate validate models/                     are these files valid?
  tidegate render models/                       what would be applied?
  tidegate render models/ | diff before.yaml -  what would change?
  tidegate render --envoy models/ policy.yaml   what would Envoy run?
  helm template . | tidegate validate -         is what a chart makes valid?
  tidegate route policy.yaml --endpoint small=http://127.0.0.1:8000
                                                a policy's router on this machine
  tidegate explain policy.yaml --model chat     who answers, and who when they do not?
"""


class Kind(StrEnum):
    """Kinds that a cluster may lack."""

    POD_MONITOR = "PodMonitor"
    LEADER_WORKER_SET = "LeaderWorkerSet"


app = typer.Typer(
    help="Serve LLMs on Kubernetes: check and preview manifests, or run one of Tidegate's processes.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(cache, name="cache", rich_help_panel=CLUSTER)

Files = Annotated[
    list[str], typer.Argument(metavar="FILE", help="Manifests, folders of them, or - for standard input.")
]
Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    typer.Option(envvar="TIDEGATE_LOG_LEVEL", help="The least that is logged."),
]
Format = Annotated[
    Literal["text", "json"],
    typer.Option(envvar="TIDEGATE_LOG_FORMAT", help="Lines for people, or one JSON object a line."),
]


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; exits with the command's code."""
    app(args=list(sys.argv[1:] if argv is None else argv), prog_name="tidegate")


def _leave_out_httpx_command() -> None:
    """httpx imports a command of its own where Rich is installed: 60 ms and 5 MB that no process of ours has a use for."""
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None is how Python says: not to be imported


def _version(wanted: bool) -> None:
    if wanted:
        print(f"tidegate {__version__}")
        raise typer.Exit


@app.callback(epilog=EXAMPLES)
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Serve LLMs on Kubernetes: check and preview manifests, or run one of Tidegate's processes."""


@app.command(rich_help_panel=PEOPLE)
def validate(files: Files) -> None:
    """Check manifests as the API server would: file, field, and what to write instead.

    Exits with 0 when all are valid, 1 when one is not, 2 when a file cannot be read.
    """
    from tidegate.cli.validate import validate as run

    raise typer.Exit(run(files))


@app.command(rich_help_panel=PEOPLE)
def render(
    files: Files,
    envoy: Annotated[bool, typer.Option("--envoy", help="Print the routers' Envoy configuration instead.")] = False,
    namespace: Annotated[str, typer.Option(help="Namespace of manifests that name none.")] = "default",
    kinds: Annotated[
        list[Kind] | None,
        typer.Option("--with", help="Render as for a cluster that has this kind; may be given twice."),
    ] = None,
) -> None:
    """Print what the operator would apply for these manifests, as YAML; images are those of the TIDEGATE_* variables.

    Exits with 0 when all could be rendered, 1 when a manifest is wrong, 2 when a file cannot be read.
    """
    from tidegate.cli.render import render as run

    raise typer.Exit(run(files, namespace, kinds or [], _settings().defaults, envoy=envoy))


@app.command(rich_help_panel=PEOPLE)
def route(
    files: Files,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(help="An engine of a backend, BACKEND=http://HOST:PORT; may be given several times."),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(help="NAME/ENTRY=FILE, NAME/ENTRY=env:VARIABLE or NAME=FOLDER; may be given several times."),
    ] = None,
    listen: Annotated[str, typer.Option(help="Address and port.")] = "127.0.0.1:8080",
    envoy: Annotated[str, typer.Option(help="Envoy's program. Default: the one that is installed.")] = "",
) -> None:
    """Run a policy's router on this machine, without a cluster: change the file, and it follows.

    Secrets are manifests among the files, or what --secret names. Exits with 0 when it is interrupted, 1 when the policy or an option
    is wrong, 2 when a file cannot be read.
    """
    _leave_out_httpx_command()
    from tidegate.cli import logs
    from tidegate.cli.local.run import Asked
    from tidegate.cli.local.run import route as run

    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise typer.BadParameter("write ADDRESS:PORT, for example 127.0.0.1:8080", param_hint="--listen")
    logs.begin("ERROR", "text")
    asked = Asked(
        files, endpoint or [], secret or [], host.strip("[]") or "127.0.0.1", int(port), envoy, _settings().defaults
    )
    raise typer.Exit(run(asked))


@app.command(rich_help_panel=PEOPLE)
def explain(
    files: Files, model: Annotated[str, typer.Option(help="The public name that clients write in `model`.")]
) -> None:
    """Say which route a request takes, who may answer it, in which order, and what is tried again.

    Exits with 0 when a policy has the model, 1 when none has or a manifest is wrong, 2 when a file cannot be read.
    """
    from tidegate.cli.explain import explain as run

    raise typer.Exit(run(files, model))


def _settings(**said: str) -> Settings:
    """The TIDEGATE_* variables, with what the command line says instead; ends with 2 when one is wrong."""
    from tidegate.settings import WrongSettings, from_environment

    try:
        return from_environment({**os.environ, **said})
    except WrongSettings as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None


@app.command(rich_help_panel=PROCESSES)
def operator(log_level: Level = "INFO", log_format: Format = "text") -> None:
    """Run the operator; its settings are TIDEGATE_* variables, which the chart writes."""
    _leave_out_httpx_command()
    import uvloop

    from tidegate.cli import logs
    from tidegate.control.startup import main as run

    settings = _settings(TIDEGATE_LOG_LEVEL=log_level, TIDEGATE_LOG_FORMAT=log_format)
    logs.begin(settings.log_level, settings.log_format)
    uvloop.run(run(settings))


@app.command(rich_help_panel=PROCESSES)
def brain(
    namespace: Annotated[str, typer.Option(help="Namespace of the policy.")],
    config_map: Annotated[str, typer.Option(help="ConfigMap that holds the RouterConfig.")],
    run_dir: Annotated[Path, typer.Option(help="Folder that Envoy reads.")],
    drain_key: Annotated[str, typer.Option(help="What a request for a drain has to show.")],
    memory: Annotated[int, typer.Option(help="Bytes that Envoy may take; 0 is no limit.")] = 0,
    native: Annotated[
        bool, typer.Option("--native", help="Envoy is one that the native filters are tested with.")
    ] = False,
    collector: Annotated[str, typer.Option(help="URL that traces are sent to, OTLP over HTTP; empty for none.")] = "",
    certificate: Annotated[str, typer.Option(help="Folder with tls.crt and tls.key; empty for plain HTTP.")] = "",
    trusted_hops: Annotated[int, typer.Option(help="Proxies in front whose x-forwarded-for counts.")] = 0,
    beside_engine: Annotated[
        bool, typer.Option("--beside-engine", help="The router is in the Pod of one engine, and leads to that alone.")
    ] = False,
    revision: Annotated[str, typer.Option(help="Revision of that engine.")] = "",
    served_name: Annotated[str, typer.Option(help="What that engine calls its model.")] = "",
    port: Annotated[int, typer.Option(help="Port of probes, status and metrics.")] = BRAIN_PORT,
    drain_seconds: Annotated[float, typer.Option(help="Longest wait for open streams at the end, in seconds.")] = 900.0,
    log_level: Level = "INFO",
    log_format: Format = "text",
) -> None:
    """Run a router's brain beside its Envoy."""
    _leave_out_httpx_command()
    import uvloop

    from tidegate.brain.kernel import knows_rto_max, only_ipv6
    from tidegate.brain.main import Post, run
    from tidegate.brain.native import provided
    from tidegate.brain.own import Own
    from tidegate.cli import logs
    from tidegate.envoy import start

    logs.begin(log_level, log_format)
    traces = start.collector(collector, f"{config_map}.{namespace}")
    address = os.environ.get(BIND_VARIABLE, ANY_ADDRESS)
    envoy = start.Start(
        str(run_dir),
        address,
        memory=memory,
        collector=traces,
        rto_max=knows_rto_max(),
        only_ipv6=only_ipv6(),
        module=provided(run_dir) if native else "",
        certificate=certificate,
        trusted_hops=trusted_hops,
    )
    own = Own(revision, served_name) if beside_engine else None
    uvloop.run(run(Post(namespace, config_map, port, drain_seconds, drain_key, envoy, own)))


@app.command(rich_help_panel=PROCESSES)
def sweep(
    folder: Annotated[Path, typer.Option(help="Folder of KV blocks that engines write.")],
    size: Annotated[int, typer.Option(help="Bytes that blocks may take; above it the oldest are removed.", min=1)],
    log_level: Level = "INFO",
    log_format: Format = "text",
) -> None:
    """Keep a folder of KV blocks within its size, beside engines or for a CacheTier."""
    import signal
    from threading import Event

    from tidegate.cli import logs
    from tidegate.sweep.folder import keep_sweeping

    logs.begin(log_level, log_format)
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())  # as a container's first process it would not end without
    keep_sweeping(folder, size, ended)


@app.command(hidden=True)
def forget(
    criteria: Annotated[str, typer.Argument(help="As JSON.")],
    run_dir: Annotated[Path, typer.Option(help="Folder of the brain's socket.")] = Path(RUN_DIR),
) -> None:
    """In a router's Pod: what `tidegate cache purge` runs there."""
    _leave_out_httpx_command()
    from tidegate.cli.caching.here import purge

    raise typer.Exit(purge(run_dir, criteria))
