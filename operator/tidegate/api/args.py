"""`spec.engine.args` and `env`: the flags of `vllm serve` and the variables that are the operator's, in every spelling.

argparse takes a flag whole, cut short (`--tensor-parallel`), with underscores (`--max_model_len`), with its value attached
(`--port=1`, `-tp=2`, `-qawq`) and, for JSON, with a key (`--lora-modules.name`). What is refused:

    args                                    | the API says
    ----------------------------------------|-----------------------------------------------------------
    --max-model-len, --max_model=8192       | --max-model-len is the operator's; write spec.engine.maxModelLen
    -tp=2, -t 2, -qawq                      | likewise, of the whole flag
    --grpc                                  | there is no field: leave it out, and why
    "--block-size 32"                       | one item that should be two
    --portable, --tokenizer, --enable-lora2 | nothing: they are other flags
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field

from tidegate.api.base import Rule, Ruled, Words, cel_list, cel_map, cel_string
from tidegate.api.vllm_flags import OTHERS, SPELLINGS

_GROUPED: Final = "leave it out: replicas that are groups of Pods find each other by it"
_PORT: Final = "leave it out: probes, Services and routers depend on where and how the engine listens"
OWNED_FLAGS: Final = {
    "--model": "write spec.model.uri",
    "--revision": "write spec.model.uri with @revision",
    "--served-model-name": "write spec.model.servedNames",
    "--enable-lora": "write spec.model.adapters",
    "--lora-modules": "write spec.model.adapters",
    "--hf-token": "write spec.model.credentialsSecretRef",
    "--tensor-parallel-size": "write spec.engine.parallelism.tensor",
    "--pipeline-parallel-size": "write spec.engine.parallelism.pipeline",
    "--data-parallel-multi-port-external-lb": _PORT,
    "--data-parallel-size": "write spec.engine.parallelism.data",
    "--max-model-len": "write spec.engine.maxModelLen",
    "--max-num-seqs": "write spec.engine.maxNumSeqs",
    "--max-num-queued-reqs": "write spec.engine.maxWaitingRequests",
    "--gpu-memory-utilization": "write spec.engine.gpuMemoryUtilization",
    "--dtype": "write spec.engine.dtype",
    "--quantization": "write spec.engine.quantization",
    "--kv-offloading-size": "write spec.engine.kvOffload.hostMemory",
    "--kv-offloading-backend": "leave it out: spec.engine.kvOffload is vLLM's own; for another one write --kv-transfer-config instead of it",
    "--shutdown-timeout": "write spec.drain.timeout",
    "--nnodes": "write spec.engine.parallelism, from which the number of Pods follows",
    "--node-rank": _GROUPED,
    "--master-addr": _GROUPED,
    "--master-port": _GROUPED,
    "--headless": _GROUPED,
    "--host": _PORT,
    "--port": _PORT,
    "--uds": _PORT,
    "--root-path": _PORT,
    "--ssl-keyfile": _PORT,
    "--ssl-certfile": _PORT,
    "--grpc": _PORT,
    "--grpc-port": _PORT,
    "--api-key": "leave it out: routers ask engines without a key, and a NetworkPolicy keeps others away",
    "--config": "leave it out: a file could set the operator's flags unseen; write its lines as args",
    "--enable-force-include-usage": "leave it out: routers count tokens by the usage that it adds",
    "--help": "leave it out: the engine would print its help and end",
}
"""Flags that the operator writes itself, or that would break the probes and the routers, and what to do instead."""
OWNED_ENV: Final = {
    "VLLM_API_KEY": "leave it out: routers ask engines without a key",
    "VLLM_SERVER_DEV_MODE": "leave it out: it would open the engine to everybody",
    "VLLM_USE_RUST_FRONTEND": "leave it out: probes and routers depend on how the engine listens",
    "HF_HOME": "write spec.model.storage",
    "HF_TOKEN": "write spec.model.credentialsSecretRef",
    "AWS_SHARED_CREDENTIALS_FILE": "write spec.model.credentialsSecretRef",
    "GOOGLE_APPLICATION_CREDENTIALS": "write spec.model.credentialsSecretRef",
    "HOME": "leave it out: it is the one folder that the engine may write to",
    "LWS_LEADER_ADDRESS": _GROUPED,
    "LWS_WORKER_INDEX": _GROUPED,
}
"""Environment variables that the operator writes itself, or that would open the engine, and what to do instead."""

_WORDS: Final = {word: flag for flag in OWNED_FLAGS for word in (flag, *SPELLINGS.get(flag, ()))}
_SPELLED: Final = dict(
    sorted(_WORDS.items(), key=lambda item: len(item[0]) if item[0].startswith("--") else -len(item[0]))
)
"""In this order the first that could be meant is: a whole long flag before those that it begins, -dpl before -dp with a value."""
_NAME: Final = r"^--?[^=. ]*"
_BLANK: Final = r"^--?[A-Za-z][^= \t\n]*[ \t\n]"


def owned_flag(arg: str) -> str:
    """The operator's flag that a word means; empty when it means none."""
    found = None if arg.startswith(OTHERS) else re.match(_NAME, arg)
    name = found.group().replace("_", "-") if found else ""
    return next((flag for own, flag in _SPELLED.items() if _means(name, own)), "")


def _means(name: str, own: str) -> bool:
    """Whether a name is a spelling of ours: whole, cut short, or (short ones) with its value attached."""
    if name.startswith("--"):
        return len(name) > 2 and own.startswith(name)
    return (
        not own.startswith("--")
        and len(name) > 1
        and (name.startswith(own) or (len(name) == 2 and own.startswith(name)))
    )


def _hint(flag: str) -> str:
    return f"{flag} is the operator's; {OWNED_FLAGS[flag]}"


_SHORT_CEL = cel_list(word for word in _SPELLED if not word.startswith("--"))
_CUT_CEL = cel_list(sorted({word[:2] for word in _SPELLED if not word.startswith("--") and len(word) > 2}))
"""Short flags of several letters, cut to one."""
_NAMED_CEL = "[self.split('=', 2)[0].split(' ', 2)[0].split('.', 2)[0].replace('_', '-')]"


def _by_initial(macro: str, otherwise: str) -> str:
    """CEL that looks among the long flags with the initial of `n` alone: the API server counts what a whole list could cost. With six flags
    of the commonest initial, which is m, the rule takes 57 % of what 1.37 allows it; each more of that initial takes 4 %."""
    initials = sorted({word[:3] for word in _SPELLED if word.startswith("--")})
    branches = [
        f"n.startsWith('{initial}') ? {cel_list(word for word in _SPELLED if word.startswith(initial))}.{macro}(f, f.startsWith(n)) : "
        for initial in initials
    ]
    return "".join(branches) + otherwise


_OWNED_CEL = (
    f"self.startsWith('--') ? {_NAMED_CEL}.exists(n, {_by_initial('exists', 'false')}) : "
    f"self.startsWith('-') && !{cel_list(OTHERS)}.exists(o, self.startsWith(o)) && ({_SHORT_CEL}.exists(f, self.startsWith(f)) || "
    f"{_NAMED_CEL}.exists(n, n.size() == 2 && n in {_CUT_CEL}))"
)
_FIRST_CEL = (
    f"self.startsWith('--') ? {_NAMED_CEL}.map(n, {_by_initial('filter', '[]')})[0][0] : "
    f"{_NAMED_CEL}.map(n, {_SHORT_CEL}.filter(f, self.startsWith(f) || f.startsWith(n)))[0][0]"
)
_HINTS_CEL = cel_map({word: _hint(flag) for word, flag in _SPELLED.items()})


def parted(arg: str) -> str:
    """The items that a word with a blank behind a flag's name should be; empty when there is no such blank."""
    if not re.match(_BLANK, arg):
        return ""
    name, rest = re.split(r"[ \t\n]", arg, maxsplit=1)
    return f'"{name}", "{rest}"' if "{" in arg else '"' + arg.replace(" ", '", "') + '"'


_PART: Final = "a flag and its value are items of their own; write "
_FLAG_CEL = r"self.find('^[^ \t\n]*')"
_PARTED_CEL = f"""'"' + (self.contains('{{') ? {_FLAG_CEL} + '", "' + self.substring({_FLAG_CEL}.size() + 1) : self.replace(' ', '", "')) + '"'"""

Arg = Annotated[
    str,
    Field(max_length=4000),
    Ruled(
        Rule(
            f"!({_OWNED_CEL})",
            "this flag is the operator's; use the field of spec.engine or spec.model for it, and leave it out of args",
            lambda arg: not owned_flag(arg),
            words=Words(f"{_HINTS_CEL}[{_FIRST_CEL}]", lambda arg: _hint(owned_flag(arg))),
        ),
        Rule(
            f"!self.matches({cel_string(_BLANK)})",
            _PART + "two items",
            lambda arg: not parted(arg),
            words=Words(f"{cel_string(_PART)} + {_PARTED_CEL}", lambda arg: _PART + parted(arg)),
        ),
    ),
]
"""A word of the command line that is not the operator's."""


def env_said(name: str) -> str:
    """About one of the operator's variables."""
    return f"{name} is the operator's; {OWNED_ENV[name]}"


ENV_HINTS_CEL: Final = cel_map({name: env_said(name) for name in OWNED_ENV})
