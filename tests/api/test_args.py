"""The operator's flags are found in every spelling that vLLM takes, and no other flag is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import flags
from tidegate.api.args import OWNED_ENV, OWNED_FLAGS, env_said, owned_flag, parted

TABLE = json.loads(flags.TABLE.read_text())
SPELLED = {
    spelling: flag["options"][0]
    for flag in TABLE
    for option in flag["options"]
    for spelling in (option, *([option.replace("--", "--no-", 1)] if flag["kind"] == "boolean" else ()))
}
"""Every spelling of every flag of `vllm serve`."""


@pytest.mark.parametrize("spelling", SPELLED)
def test_a_whole_flag(spelling: str) -> None:
    wanted = SPELLED[spelling] if SPELLED[spelling] in OWNED_FLAGS else ""
    under = "--" + spelling[2:].replace("-", "_") if spelling.startswith("--") else spelling
    for word in (spelling, f"{spelling}=x", under, f"{under}=a-b_c", f"{spelling} x"):
        assert owned_flag(word) == wanted, word
    if spelling.startswith("--"):
        assert owned_flag(f"{spelling}.key") == wanted


def test_a_flag_cut_short() -> None:
    """argparse takes a beginning that only one flag has; what could be several is an error of the engine."""
    for length in range(3, 40):
        for beginning in {spelling[:length] for spelling in SPELLED if spelling.startswith("--")} - SPELLED.keys():
            meant = {SPELLED[spelling] for spelling in SPELLED if spelling.startswith(beginning)}
            if meant <= OWNED_FLAGS.keys():
                assert owned_flag(beginning), beginning
            if not meant & OWNED_FLAGS.keys():
                assert not owned_flag(beginning), beginning


@pytest.mark.parametrize(
    ("word", "flag"), [("-tp2", "--tensor-parallel-size"), ("-n2", "--nnodes"), ("-r0", "--node-rank")]
)
def test_a_value_attached(word: str, flag: str) -> None:
    assert owned_flag(word) == flag


@pytest.mark.parametrize(
    "word", ["", "-", "--", "---", "-1", "-0.5", "x--port", "model", "--portable", "--max-model-len-hint", "a b", "="]
)
def test_no_flag_of_the_operator(word: str) -> None:
    assert owned_flag(word) == ""


@pytest.mark.parametrize("word", ["--a", "--a=b c", "a b", "-1 2", "- a", "-- a", "--- a", "", '{"a": 1}', "--a= b"])
def test_one_item(word: str) -> None:
    assert parted(word) == ""


@pytest.mark.parametrize(
    ("word", "items"),
    [
        ("--a 1", '"--a", "1"'),
        ("-a 1", '"-a", "1"'),
        ("--a --b c", '"--a", "--b", "c"'),
        ('--a {"b": 1}', '"--a", "{"b": 1}"'),
        ("--a b=1", '"--a", "b=1"'),
    ],
)
def test_several_items(word: str, items: str) -> None:
    assert parted(word) == items


def test_every_flag_and_variable_says_what_to_do() -> None:
    assert all(said.startswith(("write spec.", "leave it out: ")) for said in (OWNED_FLAGS | OWNED_ENV).values())
    assert env_said("HOME").startswith("HOME is the operator's; leave it out: ")


def test_the_table_of_spellings_is_current() -> None:
    assert flags.FILE.read_text() == flags.text(), "run make crds"
    assert Path(flags.FILE).name == "vllm_flags.py"
