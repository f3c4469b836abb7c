"""The command line takes exactly the flags of `vllm serve`."""

import argparse
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.engine_sim import argv, make_flags

VALUES = {"int": "3", "human_int": "2k", "human_int_or_auto": "auto", "float": "0.5", "json": '{"a": 1}', "str": "x"}


def spellings(flag: dict[str, Any]) -> Iterator[list[str]]:
    """Every way to write a flag."""
    for option in flag["options"]:
        if flag["kind"] in ("switch", "boolean"):
            yield [option]
            if flag["kind"] == "boolean" and option.startswith("--"):
                yield [option.replace("--", "--no-", 1)]
            continue
        value = flag["choices"][0] if "choices" in flag else VALUES[flag["kind"]]
        yield [option, value]
        if option.startswith("--"):
            yield [f"{option}={value}"]
            yield [option.replace("-", "_").replace("__", "--", 1), value]
        if flag.get("nargs") == "+":
            yield [option, value, value]
        if flag.get("nargs") == "?":
            yield [option]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message with which a command line is refused, with status 2."""
    with pytest.raises(SystemExit) as exit_:
        argv.parse(["m", *arguments])
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_the_table_is_whole() -> None:
    assert len(argv.FLAGS) == 316


def test_every_flag_in_every_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    # One parser for all: building it is what takes time.
    parser = argv._parser()
    monkeypatch.setattr(argv, "_parser", lambda: parser)
    for flag in argv.FLAGS:
        if flag["options"][0] in ("--config", "--model"):  # tested below
            continue
        dest = flag["options"][0].lstrip("-").replace("-", "_")
        for spelling in spellings(flag):
            args = argv.parse(["m", *spelling])
            assert args.model_tag == "m", spelling
            if len(spelling) > 1 and "choices" not in flag and flag["kind"] == "str" and "nargs" not in flag:
                assert getattr(args, dest) == "x"


def test_unknown_flags_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    message = refusal(capsys, "--tensor-paralel", "2")
    assert message.endswith("vllm serve: error: unrecognized arguments: --tensor-paralel 2\n")
    assert message.startswith("usage: vllm serve [model_tag] [options]\n")
    assert "unrecognized arguments: --task" in refusal(capsys, "--task", "embed")
    assert "unrecognized arguments: --max-num-seqs.x=1" in refusal(capsys, "--max-num-seqs.x=1")


def test_wrong_values_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "argument --max-num-seqs: invalid int value: 'many'" in refusal(capsys, "--max-num-seqs", "many")
    assert "argument --dtype: invalid choice: 'int3'" in refusal(capsys, "--dtype", "int3")
    assert "argument --port: expected one argument" in refusal(capsys, "--port")
    assert "argument --kv-transfer-config" in refusal(capsys, "--kv-transfer-config", "{")
    assert "Decimals are not allowed" in refusal(capsys, "--max-model-len", "1.5K")
    assert "not simulated" in refusal(capsys, "--config", "file.yaml")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("1k", 1000), ("1K", 1024), ("25.6k", 25_600), ("2M", 2 * 2**20), ("4096", 4096), ("auto", -1), ("-1", -1)],
)
def test_human_readable_numbers(text: str, tokens: int) -> None:
    assert argv.parse(["m", "--max-model-len", text]).max_model_len == tokens


def test_human_readable_numbers_need_a_number() -> None:
    with pytest.raises((ValueError, argparse.ArgumentTypeError)):
        argv.human_int("k")


def test_the_model_is_positional_or_a_flag() -> None:
    assert argv.parse(["org/model"]).model == "org/model"
    assert argv.parse(["--model", "org/model"]).model == "org/model"


def test_json_flags_key_by_key_and_levels() -> None:
    args = argv.parse(["m", "--kv-transfer-config.kv_role", "both", "-cc.mode=none", "-O3", "--max_num_seqs", "7"])
    assert args.max_num_seqs == 7
    assert args.optimization_level == 3


HELP = """\
options:
  --plain               Nothing. (default: False)
  --both, --no-both, -b
                        Two ways. (default: None)
  --name NAME [NAME ...], -n NAME [NAME ...]
                        Names. (default: None)
  --pick {a,b,None}     One. (default: a)
  --size SIZE           Parse human-readable integers like '1k', '2M', etc.
                        (default: 16)
  --shape ['x', 'y']    Hints only. (default: x)
  --share SHARE         A part. (default: 0.5)
  -h, --help            show this help message and exit

Group:
  --config-object CONFIG_OBJECT
                        Should either be a valid JSON string or JSON keys
                        passed individually. (default: Config(a=1))
"""


def test_table_from_help() -> None:
    rows = [make_flags.flag(*entry) for entry in make_flags.entries(HELP) if "--help" not in entry[0]]
    assert rows == [
        {"options": ["--plain"], "kind": "switch", "default": False},
        {"options": ["--both", "-b"], "kind": "boolean", "default": None},
        {"options": ["--name", "-n"], "kind": "str", "default": None, "nargs": "+"},
        {"options": ["--pick"], "kind": "str", "default": "a", "choices": ["a", "b", "None"]},
        {"options": ["--size"], "kind": "human_int", "default": 16},
        {"options": ["--shape"], "kind": "str", "default": "x"},
        {"options": ["--share"], "kind": "float", "default": 0.5},
        {"options": ["--config-object"], "kind": "json", "default": None},
    ]
