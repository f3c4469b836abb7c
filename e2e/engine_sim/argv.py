"""The command line of `vllm serve`: same flags, same spellings, same refusals (exit status 2).

What flags.json cannot say is here: underscores for dashes, `-O3`, and JSON given key by key (`--kv-transfer-config.role x`).
`--config` (a YAML file with further flags) is refused, because reading it is not simulated.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

FLAGS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "flags.json").read_text())

_DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def human_int(text: str) -> int:
    """A number such as `1k` (1000), `1K` (1024) or `25.6k`; ValueError otherwise."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)([kmgtKMGT])", text.strip())
    if match is None:
        return int(text)
    number, suffix = match.groups()
    if suffix in _DECIMAL:
        return int(float(number) * _DECIMAL[suffix])
    if "." in number:
        raise argparse.ArgumentTypeError(f"Decimals are not allowed with binary suffixes like {suffix}.")
    return int(number) * _BINARY[suffix]


def human_int_or_auto(text: str) -> int:
    """As `human_int`; `auto` is -1."""
    return -1 if text.strip().lower() == "auto" else human_int(text)


def json_value(text: str) -> Any:
    """Any JSON value; ValueError otherwise."""
    return json.loads(text)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "human_int": human_int,
    "human_int_or_auto": human_int_or_auto,
    "float": float,
    "json": json_value,
    "str": str,
}


def _optional(kind: str) -> Callable[[str], Any]:
    """A parser that also takes `None`, as vLLM does for flags whose default it is."""

    def parse(text: str) -> Any:
        return None if text in ("", "None") else _PARSERS[kind](text)

    parse.__name__ = kind
    return parse


def _arguments(flag: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of `ArgumentParser.add_argument` for one row of the table."""
    if flag["kind"] == "switch":
        return {"action": "store_true"}
    if flag["kind"] == "boolean":
        return {"action": argparse.BooleanOptionalAction, "default": flag["default"]}
    given: dict[str, Any] = {"default": flag["default"]}
    given["type"] = _PARSERS[flag["kind"]] if flag["default"] is not None else _optional(flag["kind"])
    if "choices" in flag:
        # No conversion before the comparison: `None` among the choices is a word to choose here.
        given |= {"choices": flag["choices"], "type": str}
    if "nargs" in flag:
        given["nargs"] = flag["nargs"]
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vllm serve", usage="vllm serve [model_tag] [options]")
    parser.add_argument("model_tag", nargs="?")
    for flag in FLAGS:
        parser.add_argument(*flag["options"], **_arguments(flag))
    return parser


def _normalised(argv: Sequence[str]) -> Iterator[str]:
    """The arguments with dashes for underscores in names, and `-O3` spelled out."""
    for argument in argv:
        if argument.startswith("--"):
            name, separator, value = argument.partition("=")
            path, dot, keys = name.partition(".")
            yield path.replace("_", "-") + dot + keys + separator + value
        elif level := re.fullmatch(r"-O=?(\d)", argument):
            yield from ("--optimization-level", level.group(1))
        else:
            yield argument


def _without_dotted(argv: Iterator[str]) -> Iterator[str]:
    """Drops `--name.key value` of the JSON flags: what they configure is not simulated. Other dotted names stay, and fail."""
    json_options = {option for flag in FLAGS if flag["kind"] == "json" for option in flag["options"]}
    for argument in argv:
        name, _, keys = argument.partition(".")
        if name not in json_options or not keys:
            yield argument
        elif "=" not in keys:
            next(argv, None)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The namespace of `vllm serve ARGV...` (without the words `vllm serve`). SystemExit(2) where vLLM would refuse."""
    parser = _parser()
    args = parser.parse_args(list(_without_dotted(_normalised(argv))))
    if args.config is not None:
        parser.error("argument --config: reading a configuration file is not simulated")
    args.model = args.model_tag or args.model
    return args
