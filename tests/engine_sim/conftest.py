"""One simulator that tests may share as long as they leave it as they found it."""

from collections.abc import Iterator

import pytest

from tests.engine_sim.support import Sim, running


@pytest.fixture(scope="session")
def sim() -> Iterator[Sim]:
    """The engine of most recordings: two names, 1024 tokens of context, fast."""
    with running("--served-model-name", "tiny", "tiny-alias", "--max-model-len", "1024", SPEED=10) as started:
        yield started
