"""What the pages say exists: links, make targets, commands, manifests, and a line for every reason."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import tidegate
from tidegate.api.validate import check
from tidegate.cli.main import app
from tidegate.envoy import paths
from tidegate.errors import TidegateError
from tidegate.plan import conditions

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "docs/reference"
PAGES = [
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "docs/how-to", ROOT / "manifests/argocd", ROOT / "e2e/devcluster")
    for path in sorted(folder.glob("*.md"))
]
TROUBLE = ROOT / "docs/how-to/troubleshooting.md"
TYPES = {
    "READY",
    "RECONCILING",
    "STALLED",
    "SUSPENDED",
    "RESOLVED_REFS",
    "UPDATE_PENDING",
    "SCALING_ACTIVE",
    "METRICS_AVAILABLE",
    "ENGINES_HANG",
    "KV_READY",
    "KV_SHARED",
    "RESPONSE_CACHE",
}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@each_page
def test_make_targets_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z0-9-]+)", page.read_text())) <= set(targets)


@each_page
def test_our_commands_exist(page: Path) -> None:
    ours = {command.callback.__name__ for command in app.registered_commands if command.callback}
    said = {word for block in blocks(page, "") for word in re.findall(r"^tidegate (\w+)", block, re.MULTILINE)}
    assert said <= ours


@each_page
def test_files_of_commands_exist(page: Path) -> None:
    files = re.findall(r"(?:-f|--patch-file) ((?:examples|crds|manifests)/\S*)", page.read_text())
    assert [file for file in files if not (ROOT / file.strip("`,.);")).exists()] == []


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for page in PAGES:
        for block in blocks(page, "yaml"):
            for manifest in yaml.safe_load_all(block):
                if str(manifest.get("apiVersion", "")).startswith("tidegate.dev/"):
                    yield f"{page.relative_to(ROOT)}-{manifest['metadata']['name']}", manifest


@pytest.mark.parametrize(("where", "manifest"), list(manifests()))
def test_manifests_are_valid(where: str, manifest: dict[str, Any]) -> None:
    assert check(manifest) == [], where


def test_the_readme_shows_the_quickstart() -> None:
    shown = list(yaml.safe_load_all(blocks(ROOT / "README.md", "yaml")[0]))
    assert shown == list(yaml.safe_load_all((ROOT / "examples/quickstart.yaml").read_text()))


def constants() -> dict[str, str]:
    return {name: value for name, value in vars(conditions).items() if name.isupper() and isinstance(value, str)}


def errors(kind: type[TidegateError] = TidegateError) -> Iterator[type[TidegateError]]:
    """The whole tree, as far as it is imported."""
    yield kind
    for branch in kind.__subclasses__():
        yield from errors(branch)


def test_every_condition_is_explained() -> None:
    text = TROUBLE.read_text()
    assert [value for name, value in constants().items() if name in TYPES and f"\n| `{value}` |" not in text] == []


def test_every_reason_is_explained() -> None:
    for module in pkgutil.walk_packages(tidegate.__path__, "tidegate."):
        importlib.import_module(module.name)
    text = TROUBLE.read_text()
    reasons = {value for name, value in constants().items() if name not in TYPES}
    assert {reason for reason in reasons if f"\n| `{reason}` |" not in text} == set()
    assert {error.reason for error in errors() if f"`{error.reason}`" not in text} == set()


def test_no_reason_is_explained_that_does_not_exist() -> None:
    """Pods' own reasons stand in a section of theirs."""
    ours, _, rest = TROUBLE.read_text().partition("## What Pods say")
    said = set(re.findall(r"^\| `(\w+)`", ours + rest.partition("## What the API server says")[2], re.MULTILINE))
    assert said <= {*constants().values(), *(error.reason for error in errors())}


def test_every_path_is_listed() -> None:
    served = (ROOT / "docs/how-to/paths.md").read_text().partition("## Not served")[0]
    listed = set(re.findall(r"`(?:POST |GET )?(/[a-z0-9/_]+)`", served))
    assert listed == {*paths.JSON, *paths.FORMS, *paths.OWN}
