"""`tidegate validate FILE...`: the API server's verdict without an API server, and what only a set of files can say.

in the files                                         | said                       | returns
-----------------------------------------------------|----------------------------|--------
manifests of ours, all valid                         | how many                   | 0
a field that is wrong                                | file, field, what to write | 1
the same object twice                                | where else it stands       | 1
no manifest of ours                                  | that there is none         | 1
a policy of a model that is not among them           | a warning: it may be there | 0
a null in a podTemplatePatch                         | a warning: it gets lost    | 0
no such file, no YAML, a key twice in one map        | file and line              | 2
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from tidegate.api.validate import check, doubts, ours
from tidegate.cli.manifests import Document, Unreadable, read
from tidegate.names import GROUP, MODEL_DEPLOYMENT, ROUTING_POLICY

Said = tuple[Document, str, str]
"""A manifest, one of its fields, and what is to be said about it."""


def validate(files: Sequence[str]) -> int:
    """Prints file, field and what to write instead for each problem; returns the exit code."""
    try:
        documents = read(files)
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    problems = list(_problems(documents))
    _print(problems)
    own = [document for document in documents if ours(document.manifest)]
    if problems or not own:
        if not own:
            print(f"no manifest of {GROUP} in {', '.join(files)}", file=sys.stderr)
        return 1
    _print([*_dangling(own), *_doubts(own)], "warning: ")
    print(f"{len(own)} {'manifest' if len(own) == 1 else 'manifests'} of {GROUP}: valid")
    return 0


def _print(said: Sequence[Said], prefix: str = "") -> None:
    for document, field, message in said:
        print(prefix + document.says(field, message), file=sys.stderr)


def _problems(documents: Sequence[Document]) -> Iterator[Said]:
    first: dict[tuple[str, str, str], Document] = {}
    for document in documents:
        wrong = check(document.manifest)
        yield from ((document, field, message) for field, message in wrong)
        if ours(document.manifest) and not wrong:
            other = first.setdefault(document.identity, document)
            if other is not document:
                yield document, "metadata.name", f"the same object stands in {other.file} too; remove or rename one"


def _dangling(own: Sequence[Document]) -> Iterator[Said]:
    """Models that a policy names and that are not among the files."""
    known = {document.identity for document in own}
    for document in own:
        if document.identity[0] == ROUTING_POLICY:
            for index, backend in enumerate(document.manifest["spec"]["backends"]):
                name = (backend.get("modelDeploymentRef") or {}).get("name")
                if name and (MODEL_DEPLOYMENT, document.identity[1], name) not in known:
                    field = f"spec.backends[{index}].modelDeploymentRef.name"
                    yield document, field, f"no ModelDeployment {name} in these files; it has to be in the cluster"


def _doubts(own: Sequence[Document]) -> Iterator[Said]:
    return ((document, field, message) for document in own for field, message in doubts(document.manifest))
