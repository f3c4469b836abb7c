"""The load as tests use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from e2e.devcluster.settings import REPOSITORY
from e2e.harness import Place
from e2e.load.report import Tally

STREAMS = 200
"""At a time."""
RATE = 200
"""Short requests a second."""
TOKENS = 50
"""Of a stream: 5 s with `stage.ENGINE`."""
SILENCE = 20.0
"""Seconds without a byte after which a client gives up."""
LAST_ANSWERS = SILENCE + 30.0


class HeavyLoad:
    """So many streams and so many short requests a second against one policy's router Service."""

    def __init__(self, place: Place, streams: int = STREAMS, rate: int = RATE) -> None:
        self.place = place
        self.tally = Tally()
        self._streams, self._rate = streams, rate
        service = place.get("svc/front-router")["spec"]
        wanted = {"streams": streams, "rate": rate, "tokens": TOKENS, "silence": SILENCE, "model": "chat"}
        flags = [f"--{key}={value}" for key, value in wanted.items()]
        address = f"{service['clusterIP']}:{service['ports'][0]['port']}"
        self._argv = place.cluster.inside([sys.executable, "-m", "e2e.load", address, *flags])

    @contextmanager
    def running(self) -> Iterator[Tally]:
        """From the moment when all streams run until the block ends; what is under way then is let finish."""
        with start(self._argv, self.tally) as tally:
            wanted = self.place.cluster.wait
            wanted(lambda: tally.streams >= self._streams and tally.answers[200] > 2 * self._rate, "the load runs")
            yield tally


@contextmanager
def start(argv: Sequence[str], tally: Tally) -> Iterator[Tally]:
    """Runs a generator by its command line while the block runs; the tally is complete afterwards. Raises
    CalledProcessError."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    reader = threading.Thread(target=_read, args=(process.stdout, tally))
    reader.start()
    try:
        yield tally
    finally:
        process.stdin.close()
        status = process.wait(LAST_ANSWERS)
        reader.join()
        process.stdout.close()
        with process.stderr:
            errors = process.stderr.read()
    if status or errors:
        raise subprocess.CalledProcessError(status, argv, stderr=errors)


def _read(lines: IO[str], tally: Tally) -> None:
    for line in lines:
        tally.take(json.loads(line))
