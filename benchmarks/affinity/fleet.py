"""Many simulators from one process that reads their code once: `python -m benchmarks.affinity.fleet COUNT FOLDER serve MODEL...`.

Each writes its port into a file `engine-N` of the folder. All end with this process.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from e2e.engine_sim.__main__ import main as simulator


def _forked(file: Path, arguments: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["ENGINE_SIM_READY_FILE"] = str(file)
    os._exit(simulator(arguments))


def main(count: int, folder: Path, arguments: list[str]) -> None:
    """Until it is ended."""
    children: list[int] = []

    def end(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    children += [_forked(folder / f"engine-{n}", arguments) for n in range(count)]
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
