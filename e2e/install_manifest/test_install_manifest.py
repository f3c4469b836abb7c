"""Promise: `kubectl apply -f manifests/install/tidegate.yaml` is the chart with its defaults."""

import pytest

from scripts.install_manifest import TARGET, text

pytestmark = pytest.mark.cluster


def test_the_manifest_is_what_the_chart_renders() -> None:
    assert TARGET.read_text() == text(), "run make crds"
