"""CustomResourceDefinitions from the pydantic models: `python -m tidegate.api.crd` writes crds/ and the chart's copy.

Kubernetes wants structural schemas, which differ from pydantic's JSON Schema: references are inlined, `anyOf [x, null]`
becomes x, titles and `additionalProperties: false` go. Defaults stand in descriptions, not in schemas, because a default
that the API server writes into objects is a permanent difference to what is in Git; the one exception is the number that
/scale reads and writes, which without one would read as 0, and 0 switches a HorizontalPodAutoscaler off.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from tidegate.api import KINDS
from tidegate.api.routerscaling import ROUTERS
from tidegate.names import GROUP, PLURALS, VERSION

Schema = dict[str, Any]

KEPT = (
    "type", "description", "properties", "required", "items", "enum", "pattern", "format", "minimum", "maximum",
    "minLength", "maxLength", "minItems", "maxItems", "maxProperties", "additionalProperties",
)  # fmt: skip


class Unstructural(TypeError):
    """A model uses something that a structural schema cannot say."""


def structural(schema: Schema, definitions: Schema) -> Schema:
    """The structural form of one piece of pydantic's JSON Schema."""
    schema = _resolved(schema, definitions)
    out = {key: schema[key] for key in schema if key in KEPT or key.startswith("x-kubernetes-")}
    if "description" in out:
        out["description"] = " ".join(out["description"].split())  # a docstring's lines are one text
    if out.get("additionalProperties") in (False, True):
        del out["additionalProperties"]
    if "const" in schema:
        out |= {"type": "string", "enum": [schema["const"]]}
    if fields := schema.get("properties"):
        out["properties"] = {name: _field(piece, definitions) for name, piece in fields.items()}
    elif "properties" in out:
        del out["properties"]  # the API server drops an empty map, which GitOps tools would put back for ever
    for key in ("items", "additionalProperties"):
        if key in out:
            out[key] = structural(out[key], definitions)
    return out


def _field(schema: Schema, definitions: Schema) -> Schema:
    """A property: its description ends with its default, where that is a plain value."""
    out = structural(schema, definitions)
    default = schema.get("default")
    if default not in (None, "", [], {}) and not isinstance(default, dict) and "Default:" not in out["description"]:
        out["description"] += f" Default: {_plain(default)}."
    return out


def _plain(default: Any) -> str:
    return default if isinstance(default, str) else json.dumps(default)


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """Without `$ref` and without `anyOf [x, null]`; what stands beside a reference wins over what it points to."""
    beside = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf", "allOf", "title", "default")}
    if "$ref" in schema:
        return _resolved(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions) | beside
    if "anyOf" in schema and "x-kubernetes-int-or-string" not in schema:
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        if len(options) != 1:
            raise Unstructural(f"a union: {schema}")
        return _resolved(options[0], definitions) | beside
    kept_default = {"default": schema["default"]} if "default" in schema else {}
    return beside | kept_default


def _root(kind: str) -> Schema:
    """The schema of the whole object; metadata is Kubernetes' own."""
    schema = KINDS[kind].model_json_schema(by_alias=True)
    properties = {part: _field(schema["properties"][part], schema["$defs"]) for part in ("spec", "status")}
    _default_replicas(kind, properties["spec"])
    own = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    return {
        "type": "object",
        "description": schema["description"],
        "required": ["spec"],
        "properties": own | properties,
        "x-kubernetes-validations": schema["x-kubernetes-validations"],
    }


def _default_replicas(kind: str, spec: Schema) -> None:
    """The number that /scale is about, and what is around it."""
    if kind == "ModelDeployment":
        spec["properties"]["replicas"]["default"] = 1
    if kind == "RoutingPolicy":
        spec["properties"]["router"]["default"] = {"replicas": ROUTERS}
        spec["properties"]["router"]["properties"]["replicas"]["default"] = ROUTERS


def crd(kind: str) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    model = KINDS[kind]
    names = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": PLURALS[kind],
        "singular": kind.lower(),
        "shortNames": model.crd["short_names"],
        "categories": ["tidegate"],
    }
    subresources: dict[str, Any] = {"status": {}}
    if "scale" in model.crd:
        subresources["scale"] = model.crd["scale"]
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root(kind)},
        "subresources": subresources,
        "additionalPrinterColumns": [
            {"name": name, "type": kind_, "jsonPath": path} | ({"priority": priority} if priority else {})
            for name, kind_, path, priority in model.crd["columns"]
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURALS[kind]}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def plain_yaml(kind: str) -> str:
    """crds/<plural>.yaml"""
    text: str = yaml.safe_dump(crd(kind), sort_keys=False, width=140, allow_unicode=True)
    return "# Written by `make crds` from operator/tidegate/api; do not edit.\n" + text


def chart_yaml(kind: str) -> str:
    """The chart's copy: a template that Helm keeps on uninstall and that a value leaves out."""
    definition = crd(kind)
    definition["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    text: str = yaml.safe_dump(definition, sort_keys=False, width=140, allow_unicode=True)
    escaped = text.replace("{{", '{{ "{{" }}')
    header = "{{- /* Written by `make crds` from operator/tidegate/api; do not edit. */ -}}\n"
    return header + "{{- if .Values.crds.install }}\n" + escaped + "{{- end }}\n"


def files(root: Path) -> dict[Path, str]:
    """Every generated file below the project's root, with its text."""
    out = {}
    for kind, plural in PLURALS.items():
        out[root / "crds" / f"{plural}.yaml"] = plain_yaml(kind)
        out[root / "charts" / "tidegate" / "templates" / "crds" / f"{plural}.yaml"] = chart_yaml(kind)
    return out


def main(root: Path) -> None:
    """Write them all."""
    for path, text in files(root).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(root))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
