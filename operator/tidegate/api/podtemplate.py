"""`spec.engine.podTemplatePatch`: a strategic merge patch of the Pod template, and what of the engine it may not touch.

What the operator depends on is declared here, so that the API server refuses it with words; everything else of a Pod is
passed on. Directives are read by plan/kube/patch.py; those that would be lost or misread are refused here.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final

from pydantic import ConfigDict, Field

from tidegate.api.args import ENV_HINTS_CEL, OWNED_ENV, env_said
from tidegate.api.base import FreeForm, Part, Refused, Rule, Words, cel_format, cel_list, cel_string
from tidegate.api.directives import misread
from tidegate.names import ENGINE_CONTAINER, GROUP

PATCH_REFUSED = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "ports", "command", "args")
"""Fields of a container that a podTemplatePatch may not touch: drain, probes and routing depend on them."""
OWNED_PATHS = r"^/(model|cache|claims|credentials)(/.*)?$"
"""Where the operator mounts weights and credentials."""

_WORD: Final = {"type": "string", "maxLength": 32}
_WORDS: Final = {"type": "array", "maxItems": 64, "items": {"type": "string", "maxLength": 253}}
_KEEP: Final = "the operator's own parts of the Pod would be lost; write the fields to change alone, and leave {} out"
_Replaced = Annotated[Any, Refused(_KEEP.format("$patch"), _WORD)]
_Retained = Annotated[Any, Refused(_KEEP.format("$retainKeys"), _WORDS)]
_Grace = Annotated[
    Any,
    Refused(
        "engines would lose the streams that they still have to finish; write spec.drain.timeout instead",
        {"type": "integer", "minimum": 0, "maximum": 1_000_000},
    ),
]
_Listed = Annotated[
    Any,
    Refused(
        "$patch in a list replaces the list or deletes from it, and with it what the engine needs; leave it out: an item is merged "
        "into its namesake, and a volume of another type takes the place of ours",
        _WORD,
    ),
]


class _Open(Part):
    """A piece of a patch: what we must look at is declared, everything else is passed on."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})


RefusedObject = FreeForm | None
RefusedList = Annotated[list[FreeForm], Field(max_length=64)] | None
RefusedStrings = Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=256)] | None


class PatchEnv(_Open):
    """A variable of the patch, merged by its name."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the variable."""
    directive: _Listed = Field(default=None, alias="$patch")
    """Refused: the engine needs its other variables."""


class PatchMount(_Open):
    """A mount of the patch, merged by its path."""

    mount_path: Annotated[str, Field(min_length=1, max_length=1024)]
    """Where the volume appears."""
    directive: _Listed = Field(default=None, alias="$patch")
    """Refused: the engine needs its other mounts."""


class PatchVolume(_Open):
    """A volume of the patch, merged by its name; one of another type takes the place of its namesake."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the volume."""
    directive: _Listed = Field(default=None, alias="$patch")
    """Refused: the engine needs its other volumes."""


_TOUCH: Final = (
    "the patch may not touch {} of the engine container; use spec.engine.args, spec.engine.startupTimeout or spec.drain"
)
_COVER: Final = (
    "{} is where the operator mounts weights and credentials; mount at another path, or use spec.model.storage"
)
_TOUCHED_CEL = f"[{', '.join(f'has(self.{field}) ? {cel_string(field)} : {cel_string(str())}' for field in PATCH_REFUSED)}].filter(f, f != '')"
_OWN_ENV_CEL = f"v.name in {cel_list(OWNED_ENV)}"
_OWN_PATH_CEL = f"m.mountPath.matches({cel_string(OWNED_PATHS)})"


def _touched(container: Any) -> list[str]:
    written = container.model_dump(by_alias=True, exclude_none=True)
    return [field for field in PATCH_REFUSED if field in written]


def _variables(container: Any) -> list[str]:
    return [variable.name for variable in container.env if variable.name in OWNED_ENV]


def _covered(container: Any) -> list[str]:
    paths = [mount.mount_path for mount in container.volume_mounts]
    return [path for path in paths if re.fullmatch(OWNED_PATHS, path)]


class PatchContainer(_Open):
    """A container of the patch, merged by its name."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the container; `engine` is the engine's."""
    env: Annotated[list[PatchEnv], Field(max_length=128)] = []
    """Variables, merged by name; prefer spec.engine.env."""
    volume_mounts: Annotated[list[PatchMount], Field(max_length=64)] = []
    """Mounts, merged by path."""
    directive: _Listed = Field(default=None, alias="$patch")
    """Refused: the engine's container has to stay."""
    retained: _Retained = Field(default=None, alias="$retainKeys")
    """Refused: the engine needs its other fields."""
    liveness_probe: RefusedObject = None
    """Refused: the operator owns the probes."""
    readiness_probe: RefusedObject = None
    """Refused: the operator owns the probes."""
    startup_probe: RefusedObject = None
    """Refused: use spec.engine.startupTimeout."""
    lifecycle: RefusedObject = None
    """Refused: use spec.drain."""
    ports: RefusedList = None
    """Refused: routers and Services depend on the port."""
    command: RefusedStrings = None
    """Refused: use spec.engine.args."""
    args: RefusedStrings = None
    """Refused: use spec.engine.args."""

    rules: ClassVar = (
        Rule(
            f"self.name != 'engine' || {_TOUCHED_CEL}.size() == 0",
            _TOUCH.format("probes, lifecycle, ports and argv"),
            lambda c: c.name != ENGINE_CONTAINER or not _touched(c),
            words=Words(cel_format(_TOUCH, f"{_TOUCHED_CEL}[0]"), lambda c: _TOUCH.format(_touched(c)[0])),
        ),
        Rule(
            f"self.name != 'engine' || !has(self.env) || !self.env.exists(v, {_OWN_ENV_CEL})",
            "the patch may not set the operator's variables; use spec.model.credentialsSecretRef or spec.model.storage",
            lambda c: c.name != ENGINE_CONTAINER or not _variables(c),
            ".env",
            Words(f"self.env.map(v, {_OWN_ENV_CEL}, {ENV_HINTS_CEL}[v.name])[0]", lambda c: env_said(_variables(c)[0])),
        ),
        Rule(
            f"self.name != 'engine' || !has(self.volumeMounts) || !self.volumeMounts.exists(m, {_OWN_PATH_CEL})",
            _COVER.format("a path of the patch"),
            lambda c: c.name != ENGINE_CONTAINER or not _covered(c),
            ".volumeMounts",
            Words(
                f"self.volumeMounts.map(m, {_OWN_PATH_CEL}, {cel_format(_COVER, 'm.mountPath')})[0]",
                lambda c: _COVER.format(_covered(c)[0]),
            ),
        ),
    )


class PatchSpec(_Open):
    """core/v1 PodSpec, any part of it."""

    containers: Annotated[list[PatchContainer], Field(max_length=16)] = []
    """Containers, merged by name; new names are sidecars."""
    volumes: Annotated[list[PatchVolume], Field(max_length=64)] = []
    """Volumes, merged by name; one of another type takes the place of its namesake."""
    termination_grace_period_seconds: _Grace = None
    """Refused: use spec.drain.timeout."""
    directive: _Replaced = Field(default=None, alias="$patch")
    """Refused: the engine needs its other fields."""
    retained: _Retained = Field(default=None, alias="$retainKeys")
    """Refused: the engine needs its other fields."""


def _own_label(label: str) -> bool:
    """Whether a label may be one of the operator's selectors."""
    return label.startswith((f"{GROUP}/", "app.kubernetes.io/"))


LABEL_RULE: Final = Rule(
    f"!has(self.labels) || self.labels.all(k, !k.startsWith('{GROUP}/') && !k.startsWith('app.kubernetes.io/'))",
    f"labels under {GROUP}/ and app.kubernetes.io/ are the operator's selectors; use a prefix of your own",
    lambda m: not any(_own_label(label) for label in m.labels),
    ".labels",
)


class PatchMetadata(Part):
    """Labels and annotations of the patch."""

    labels: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=64)] = {}
    """Labels to add or change."""
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=16384)]], Field(max_length=64)] = {}
    """Annotations to add or change."""

    rules: ClassVar = (
        Rule(
            "[has(self.labels) ? self.labels.map(k, k) : [], has(self.annotations) ? self.annotations.map(k, k) : []]"
            ".all(l, !l.exists(k, k.startsWith('$')))",
            "labels and annotations take no $patch or other directive; write those to add or change alone",
            lambda m: not any(key.startswith("$") for key in (*m.labels, *m.annotations)),
        ),
        LABEL_RULE,
    )


class PodTemplatePatch(_Open):
    """A strategic merge patch of the Pod template: the one escape hatch."""

    metadata: PatchMetadata | None = None
    """Labels and annotations; prefer spec.engine.podMetadata."""
    spec: PatchSpec | None = None
    """core/v1 PodSpec, any part of it."""
    directive: _Replaced = Field(default=None, alias="$patch")
    """Refused: the Pods need the rest of the template."""
    retained: _Retained = Field(default=None, alias="$retainKeys")
    """Refused: the Pods need the rest of the template."""

    rules: ClassVar = (
        Rule(
            "",  # CEL sees only fields that are declared, and none whose name begins with $
            "a directive is not one that Kubernetes reads; write $patch: replace, $patch: delete or $retainKeys",
            lambda p: not _misread(p),
            words=Words("", lambda p: _misread(p)[0]),
        ),
    )


def _misread(patch: PodTemplatePatch) -> list[str]:
    return list(misread(patch.model_dump(by_alias=True, exclude_unset=True)))
