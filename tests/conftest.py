"""Options and settings of the whole test suite."""

from __future__ import annotations

import pytest
from hypothesis import settings

# the same examples every time: a red run is a change of ours; no deadline, because the first call of a test pays for imports
settings.register_profile("tidegate", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("tidegate")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Here and not in tests/plan, because pytest reads options of the folders that it is given, and of those above them."""
    parser.addoption("--update-golden", action="store_true", help="write the expected outputs of golden tests anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether `--update-golden` was given: what is expected is written anew instead of compared with."""
    return bool(request.config.getoption("--update-golden"))
