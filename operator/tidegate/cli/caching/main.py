"""The command line of caches, the same in `tidegate` and in `kubectl tidegate`. Commands import their parts when they run."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

EXAMPLES = """
Examples:

  kubectl tidegate cache stats chat
  kubectl tidegate cache explain chat --model chat --prompt "What is the capital of France?" --client acme
  kubectl tidegate cache explain chat -f body.json --path /v1/messages --client acme
  kubectl tidegate cache purge chat --tenant acme            how many are there?
  kubectl tidegate cache purge chat --tenant acme --yes      forget them
"""

cache = typer.Typer(
    help="Answers that are given again: how many, which, and to forget them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A RoutingPolicy: chat, or rpol/chat.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Its namespace. Default: the context's.")]
Context = Annotated[str, typer.Option(help="A context of the kubeconfig. Default: the current one.")]
Kubeconfig = Annotated[
    str, typer.Option(help="Path of a kubeconfig. Default: those of KUBECONFIG, else ~/.kube/config.")
]
Output = Annotated[Literal["json"] | None, typer.Option("--output", "-o", help="Print what the routers say instead.")]


@cache.command()
def stats(
    name: Name, output: Output = None, namespace: Namespace = "", context: Context = "", kubeconfig: Kubeconfig = ""
) -> None:
    """Show what a policy's routers keep, and what they answered from it.

    Asks each router through the API server; that takes `get` of `pods/proxy` in its namespace. Exits with 2 when it cannot be told.
    """
    from tidegate.cli.caching.run import stats as run
    from tidegate.cli.plugin.access import Flags

    raise typer.Exit(run(name, Flags(namespace, context, kubeconfig), as_json=output == "json"))


@cache.command()
def explain(
    name: Name,
    model: Annotated[str, typer.Option(help="The public name. Default: the body's.")] = "",
    prompt: Annotated[str, typer.Option(help="A single message of a user.")] = "",
    filename: Annotated[
        str, typer.Option("--filename", "-f", help="A file with the body, or - for standard input.")
    ] = "",
    path: Annotated[str, typer.Option(help="Of the request, as /v1/messages.")] = "/v1/chat/completions",
    client: Annotated[str, typer.Option(help="The client's id.")] = "",
    header: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, as ttlRules read it; may be given twice.")
    ] = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Say what the key of a request is made of, and whether an answer to it is kept and why not.

    Asks nobody but the API server. Exits with 0 when answers to it are kept, 1 when not, 2 when it cannot be told.
    """
    from tidegate.cli.caching.explain import Written
    from tidegate.cli.caching.run import explain as run
    from tidegate.cli.plugin.access import Flags

    written = Written(model, prompt, filename, path, client, tuple(header or ()))
    raise typer.Exit(run(name, Flags(namespace, context, kubeconfig), written))


@cache.command()
def purge(
    name: Name,
    tenant: Annotated[str, typer.Option(help="Of this client.")] = "",
    model: Annotated[str, typer.Option(help="Of this public model.")] = "",
    revision: Annotated[str, typer.Option(help="Of this revision of a model.")] = "",
    prompt: Annotated[str, typer.Option(help="To this question, word for word.")] = "",
    similar_to: Annotated[str, typer.Option(help="To this question, by meaning.")] = "",
    threshold: Annotated[
        float | None, typer.Option(min=0.5, max=1.0, help="Least cosine to it. Default: the tier's own.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the policy's.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Forget them; else they are counted.")] = False,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Forget answers in every layer of every router of a policy: those that all of these fit. Without --yes it counts them.

    Runs a command in each router's Pod; that takes `create` of `pods/exec` in its namespace, and kubectl. Exits with 2 when it could not be done
    everywhere.
    """
    from tidegate.brain.cache.admin import Criteria
    from tidegate.cli.caching.run import purge as run
    from tidegate.cli.plugin.access import Flags

    wanted = Criteria(tenant, model, revision, prompt, similar_to, threshold or 0.0, yes)
    raise typer.Exit(run(name, Flags(namespace, context, kubeconfig), wanted, everything=everything))
