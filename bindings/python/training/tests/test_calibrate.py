"""What scores are worth is fitted so that it comes out as it was put in."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import List, Tuple

import numpy as np
import pytest
from samples import persense  # noqa: F401  (the package must be there)

pytest.importorskip("torch", reason="persense_training.whole needs it")
from persense_training import calibrate, whole  # noqa: E402


def drawn(truth: "np.ndarray", count: int, seed: int) -> List[Tuple[float, bool]]:
    """Scores that are right with the probability that the truth has at them."""
    rng = np.random.default_rng(seed)
    raw = rng.uniform(0, 1, count)
    right = rng.uniform(0, 1, count) < np.interp(raw, calibrate.GRID, truth)
    return list(zip(raw.tolist(), right.tolist()))


def test_the_truth_comes_out_whatever_the_number_of_each_class() -> None:
    truth = np.array([0, 0.05, 0.2, 0.4, 0.7, 0.9, 0.95, 1])
    knots = calibrate.fit({"few": drawn(truth, 4000, 1), "many": drawn(truth, 20000, 2)})
    assert knots[0] == 0 and knots[-1] == 1
    # a knot is a mean over 0.1 of the scores, some 400 of the smaller class
    assert np.abs(knots - truth).max() < 0.06


def test_knots_ascend_even_where_higher_scores_are_worse() -> None:
    falling = np.array([0, 0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1])
    knots = calibrate.fit({"odd": drawn(falling, 5000, 3)})
    assert (np.diff(knots) > 0).all()


def test_classes_count_alike() -> None:
    always = [(0.45, True)] * 10
    never = [(0.45, False)] * 1000
    at = calibrate.GRID.index(0.45)
    assert calibrate.fit({"a": always, "b": never})[at] == pytest.approx(0.5, abs=0.01)


def test_the_object_of_median_area_away_from_the_border_is_the_support() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[0:20, 0:20] = 9  # at the border
    labels[30:40, 5:15], labels[30:42, 20:32], labels[45:59, 40:54] = 1, 2, 3
    assert calibrate.median_object(labels) == 2
    assert calibrate.median_object(np.zeros((5, 5), np.int32)) is None


def test_thresholds_are_the_best_of_those_that_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:

    def evaluate(thresholds, makers, pictures):  # type: ignore[no-untyped-def]
        off = abs(thresholds["same"] - 0.6) + abs(thresholds["quality"] - 0.3)
        found = {"mean_f1": 1 - off, "empty": thresholds["same_alone"] + thresholds["present"]}
        return {"composed": {"mean_f1": 1 - off}, "rendered": found}

    monkeypatch.setattr(calibrate, "_Library", lambda models, thresholds: thresholds)
    monkeypatch.setattr(whole, "sources", lambda data: {})
    monkeypatch.setattr(whole, "evaluate", evaluate)
    best, tried = calibrate.choose("mini", pathlib.Path("."), 3)
    assert best == {"same": 0.6, "quality": 0.3, "same_alone": 0.3, "present": 0.8}
    assert len({tuple(t.items()) for t, _ in tried}) == len(tried)  # none of them twice


def test_of_equally_good_thresholds_the_one_where_the_search_begins_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # hardly better the higher it is
    monkeypatch.setattr(
        whole, "evaluate", lambda of, *_: {"a": {"mean_f1": 0.6 + 0.001 * of["same"], "empty": 1.0}}
    )
    monkeypatch.setattr(calibrate, "_Library", lambda models, thresholds: thresholds)
    monkeypatch.setattr(whole, "sources", lambda data: {})
    best, _ = calibrate.choose("mini", pathlib.Path("."), 3)
    assert best == calibrate.BEGIN


def test_a_file_of_calibration_keeps_what_it_holds(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "calibration.json"
    file.write_text('{"quality": 0.25}')
    calibrate.write(file, np.linspace(0, 1, len(calibrate.GRID)), {"same": 0.6})
    held = json.loads(file.read_text())
    assert (held["quality"], held["same"]) == (0.25, 0.6)
    assert [raw for raw, _ in held["scores"]] == list(calibrate.GRID)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: pathlib.Path) -> None:
    command = [
        sys.executable,
        "-m",
        "persense_training.calibrate",
        "classic",
        str(tmp_path / "none"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "persense_training.calibrate: no instance was found in the folders\n"
