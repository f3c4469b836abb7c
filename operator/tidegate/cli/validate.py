"""`tidegate validate FILE...`: the API server's verdict without an API server, and what only a set of files can say.

in the files                                         | said                       | returns
-----------------------------------------------------|----------------------------|--------
manifests of ours, all valid                         | how many                   | 0
a field that is wrong                                | file, field, what to write | 1
the same object twice                                | where else it stands       | 1
no manifest of ours                                  | that there is none         | 1
a policy of a model or tier that is not among them   | a warning: it may be there | 0
a model of a sidecar's policy that is not            | the same                   | 0
router.replicas beside router.autoscaling            | a warning: they fight      | 0
a null in a podTemplatePatch                         | a warning: it gets lost    | 0
no such file, no YAML, a key twice in one map        | file and line              | 2
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.api.validate import check, doubts, ours
from tidegate.cli.manifests import Document, Unreadable, read
from tidegate.names import CACHE_TIER, GROUP, MODEL_DEPLOYMENT, ROUTING_POLICY
from tidegate.plan.kube.reading import maps, part, text

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
    """What a policy, or a model, names and that is not among the files."""
    known = {document.identity for document in own}
    for document in own:
        for kind, name, field in _named(document.manifest["spec"]):
            if name and (kind, document.identity[1], name) not in known:
                yield document, field, f"no {kind} {name} in these files; it has to be in the cluster"


def _named(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Kind, name, and the field that says it."""
    for index, backend in enumerate(maps(spec, "backends")):
        yield (
            MODEL_DEPLOYMENT,
            text(backend.get("modelDeploymentRef"), "name"),
            f"spec.backends[{index}].modelDeploymentRef.name",
        )
    for index, route in enumerate(maps(spec, "routes")):
        yield (
            CACHE_TIER,
            text(part(route, "cache").get("cacheTierRef"), "name"),
            f"spec.routes[{index}].cache.cacheTierRef.name",
        )
    yield CACHE_TIER, text(spec.get("storeRef"), "name"), "spec.storeRef.name"
    policy = part(part(part(spec, "engine"), "sidecarRouter"), "routingPolicyRef")
    yield ROUTING_POLICY, text(policy, "name"), "spec.engine.sidecarRouter.routingPolicyRef.name"


def _doubts(own: Sequence[Document]) -> Iterator[Said]:
    return ((document, field, message) for document in own for field, message in doubts(document.manifest))
