"""`python -m e2e.engine_sim serve MODEL [flags of vllm serve]`."""

import os
import sys

import uvloop

from e2e.engine_sim import VERSION, argv
from e2e.engine_sim.connector import BadConnector
from e2e.engine_sim.faults import BadFault
from e2e.engine_sim.server import LoadFailure, serve
from e2e.engine_sim.settings import BadSettings, engine_settings, server_settings


def main(arguments: list[str]) -> int:
    """The exit status of `vllm ARGUMENTS...`: 0 after SIGTERM, 1 where the engine cannot start, 2 for a bad command line."""
    if arguments in (["-v"], ["--version"]):
        sys.stdout.write(f"{VERSION}\n")
        return 0
    if arguments[:1] != ["serve"]:
        sys.stderr.write("usage: vllm serve [model_tag] [options]\nvllm: error: only `serve` is simulated\n")
        return 2
    args = argv.parse(arguments[1:])
    try:
        uvloop.run(serve(engine_settings(args, os.environ), server_settings(args, os.environ)))
    except (BadConnector, BadSettings, BadFault) as error:
        sys.stderr.write(f"ValueError: {error}\nRuntimeError: Engine core initialization failed.\n")
        return 1
    except LoadFailure as error:
        sys.stderr.write(f"torch.OutOfMemoryError: {error}\nRuntimeError: Engine core initialization failed.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"OSError: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
