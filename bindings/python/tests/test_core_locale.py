"""An application that took its user's locale, with a decimal comma, gets what others get."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Dict

import pytest
from samples import DATA, persense  # noqa: F401  (the package must be there)

#: prints what a pipeline with fractions among its options finds, as files have it
RUN = """
import json, locale, sys
name, folder = sys.argv[1:]
if name:
    locale.setlocale(locale.LC_ALL, name)
    assert locale.localeconv()["decimal_point"] == ","
import persense
options = {"detection.threshold": "0.25", "filter.min_score": 0.05}
pipeline = persense.Pipeline(options=options)
support = pipeline.support(folder + "/00.jpg", folder + "/00.png", label="bean")
result = support.segment(folder + "/01.jpg")
print(json.dumps([pipeline.options, result.estimated_count, result.to_coco()]))
"""


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, str]:
    """An environment in which de_DE.UTF-8 is there."""
    folder = tmp_path_factory.mktemp("locale")
    command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / "de_DE.UTF-8")]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no locale with a decimal comma: {error}")
    return {**os.environ, "LOCPATH": str(folder)}


def test_a_decimal_comma_changes_nothing(german: Dict[str, str]) -> None:
    def found(name: str) -> str:
        command = [sys.executable, "-c", RUN, name, str(DATA / "beans")]
        done = subprocess.run(command, capture_output=True, text=True, env=german)
        assert done.returncode == 0, done.stderr
        return done.stdout

    without = found("")
    assert '"detection.threshold": "0.25"' in without and '"annotations"' in without
    assert found("de_DE.UTF-8") == without
