"""PromQL with blanks, as people write it: `rate(votes{revision="$(revision)"}[$(window)])`.

    $(namespace) $(name)        of the ModelDeployment
    $(revision) $(stable)       the new revision, and the one that it would follow
    $(window)                   the time since the step began, as `90s`

A blank is Jinja2's, and nothing else of Jinja2 is: no filters, no expressions, no statements. Whoever may write a query must not be able to
run anything in the operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

BLANKS: Final = ("namespace", "name", "revision", "stable", "window")

_NEVER: Final = "\x00"
"""Kubernetes takes no such character in a string, so that no statement or comment of Jinja2 can begin."""
_ENGINE: Final = SandboxedEnvironment(
    variable_start_string="$(",
    variable_end_string=")",
    block_start_string=f"{_NEVER}%",
    block_end_string=f"%{_NEVER}",
    comment_start_string=f"{_NEVER}#",
    comment_end_string=f"#{_NEVER}",
    undefined=StrictUndefined,
    autoescape=False,
)


def problem(query: str) -> str:
    """What is wrong with its blanks, as a sentence; empty when nothing is. Whether it is PromQL, Prometheus says."""
    try:
        parsed = _ENGINE.parse(query)
    except TemplateSyntaxError as error:
        return f"a blank cannot be read ({error.message}); write it as $(window)"
    inside = [node for output in parsed.find_all(nodes.Output) for node in output.nodes]
    wrong = [node for node in inside if not isinstance(node, nodes.TemplateData) and not _known(node)]
    return f"a blank is one of {', '.join(f'$({blank})' for blank in BLANKS)} and nothing else" if wrong else ""


def _known(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name in BLANKS


def filled(query: str, values: Mapping[str, str]) -> str:
    """With every blank filled in. Raises jinja2.UndefinedError where a value is missing; `problem` comes first."""
    return _ENGINE.from_string(query).render(values)
