"""`--update-golden` writes the expected outputs anew instead of comparing with them."""

from __future__ import annotations

import pytest


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether out.yaml files are to be written."""
    return bool(request.config.getoption("--update-golden"))
