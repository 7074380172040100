"""The mean of several runs' weights."""

from __future__ import annotations

import pathlib

import pytest

for needed in ("cv2", "torch", "persense._core"):
    pytest.importorskip(needed, reason=f"training needs {needed}")
import torch  # noqa: E402

from persense_training.average import average, main  # noqa: E402

MINI = pathlib.Path(__file__).resolve().parents[4] / "src" / "mini" / "mini.pt"


def test_the_mean_of_an_archive_and_a_run_lies_in_the_middle(tmp_path: pathlib.Path):
    first = average([str(MINI)])
    run, out = tmp_path / "weights.pt", tmp_path / "mean.pt"
    torch.save({name: value + 2 for name, value in first.items()}, run)
    assert main([str(MINI), str(run), "--out", str(out)]) == 0
    mean = torch.load(out)
    assert mean.keys() == first.keys()
    for name, value in mean.items():
        assert value.dtype == torch.float32
        assert torch.allclose(value, first[name] + 1)


def test_other_weights_and_missing_files_are_one_line(tmp_path: pathlib.Path, capsys):
    run, out = tmp_path / "weights.pt", tmp_path / "mean.pt"
    torch.save({"stem.weight": torch.zeros(3)}, run)
    for wrong, answer in (
        (run, f"{run}: has other weights than {MINI}"),
        (tmp_path / "none.pt", f"weights: got {tmp_path / 'none.pt'}, expected a file"),
    ):
        assert main([str(MINI), str(wrong), "--out", str(out)]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and answer in error
        assert not out.exists()
