"""promtool, as the tests of rules and dashboards use it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from e2e.devcluster import build

Series = dict[str, str]
"""promtool's notation of values (`0+1x60`), by series.
https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
"""


def promtool(*arguments: str) -> str:
    """What it prints. Raises AssertionError with all that it said when it finds something wrong."""
    argv = [str(build.prometheus(print) / "promtool"), *arguments]
    ended = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def check_rules(folder: Path, rules: Path, series: Series, interval: str, **expected: list[dict[str, Any]]) -> None:
    """`promtool test rules`: one look at rules that have seen these series, a sample every `interval`."""
    seen = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": interval, "input_series": seen, **expected}
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "15s", "tests": [test]}))
    promtool("test", "rules", str(file))
