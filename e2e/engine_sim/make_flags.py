"""Writes flags.json, the table of every `vllm serve` flag, from the text of `vllm serve --help=all`.

    python -m e2e.engine_sim.make_flags serve_help.txt > e2e/engine_sim/flags.json

One flag a line: `options` (all spellings), `kind`, `default`, and where they apply `choices` and `nargs`. Kinds:
`switch` (no value, no negation), `boolean` (has a `--no-` form), `int`, `human_int` (1k, 2M), `human_int_or_auto`,
`float`, `json`, `str`.
"""

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

# The help prints no types. A number as default tells the type, except for these: flags without a default...
INTEGERS = {
    "--block-size", "--cp-kv-cache-interleave-size", "--cpu-distributed-timeout-seconds", "--cudagraph-capture-sizes",
    "--data-parallel-rank", "--data-parallel-rpc-port", "--data-parallel-size-local", "--data-parallel-start-rank",
    "--distributed-timeout-seconds", "--elastic-ep-max-dp-size", "--grpc-port", "--mamba-block-size",
    "--max-cpu-loras", "--max-cudagraph-capture-size", "--max-log-len", "--max-lora-cls-labels",
    "--max-num-active-seqs", "--max-num-queued-reqs", "--max-num-seqs", "--max-parallel-loading-workers",
    "--num-gpu-blocks-override", "--numa-bind-nodes", "--prefix-match-unit", "--spec-tokens",
}  # fmt: skip
# ...and flags whose default is a whole number although fractions are taken.
FLOATS = {
    "--cpu-offload-gb", "--kv-offloading-size", "--mm-ipc-gpu-memory-gb", "--mm-processor-cache-gb",
    "--video-pruning-rate",
}  # fmt: skip


def entries(text: str) -> list[tuple[str, str]]:
    """The (heading, description) of every option in argparse's help text."""
    found = []
    for block in re.split(r"^  (?=-)", text, flags=re.MULTILINE)[1:]:
        lines = block.split("\n")
        heading, _, first = lines[0].partition("  ")
        body = [first.strip()]
        for line in lines[1:]:
            if not line.startswith(" " * 24):
                break
            body.append(line.strip())
        found.append((heading, " ".join(body)))
    return found


def default_of(description: str) -> Any:
    """The value in a trailing `(default: ...)`; text where it is no literal, None where there is none."""
    match = re.search(r"\(default:\s?(.*)\)$", description)
    if match is None:
        return None
    try:
        value = ast.literal_eval(match.group(1))
    except (SyntaxError, ValueError):
        return match.group(1)
    return match.group(1) if isinstance(value, set) else value


def kind_of(option: str, description: str, default: Any) -> str:
    """The kind of a flag that takes a value."""
    if "Also accepts -1 or 'auto'" in description:
        return "human_int_or_auto"
    if "Parse human-readable integers" in description:
        return "human_int"
    if "valid JSON string or JSON keys" in description:
        return "json"
    if option in FLOATS or isinstance(default, float):
        return "float"
    if option in INTEGERS or (isinstance(default, int) and not isinstance(default, bool)):
        return "int"
    return "str"


def flag(heading: str, description: str) -> dict[str, Any]:
    """One row of the table."""
    options = re.findall(r"(?:^|(?<=, ))--?[a-zA-Z][\w-]*", heading)
    value = re.sub(r"(?:^|, )--?[a-zA-Z][\w-]*", "", heading).strip()
    default = default_of(description)
    if not value:
        negations = [option for option in options if option.startswith("--no-")]
        return {
            "options": [option for option in options if option not in negations],
            "kind": "boolean" if negations else "switch",
            "default": default,
        }
    row = {"options": options, "kind": kind_of(options[0], description, default), "default": default}
    if row["kind"] == "json" and isinstance(default, str):
        row["default"] = None  # a configuration object, printed: no value that the flag takes
    if choices := re.match(r"\[?\{([^}]*)\}", value):
        row["choices"] = choices.group(1).split(",")
    if value.endswith("...]"):
        row["nargs"] = "+"
    elif re.fullmatch(r"\[\w+\]", value):
        row["nargs"] = "?"
    return row


def table(text: str) -> str:
    """flags.json of a help text: one flag a line, sorted by name, without `--help`."""
    rows = [flag(heading, description) for heading, description in entries(text) if "--help" not in heading]
    rows.sort(key=lambda row: row["options"][0])
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1]).read_text()))
