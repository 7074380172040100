"""benchmarks/gpu.sh, on the CPU with tiny networks: every row has its figure, and none ends the run."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import List

import pytest

for needed in ("torch", "persense._core"):
    pytest.importorskip(needed, reason=f"the benchmark needs {needed}")
import persense  # noqa: E402

if not persense.has_torch():
    pytest.skip("a build without LibTorch", allow_module_level=True)

BENCHMARKS = pathlib.Path(__file__).resolve().parents[4] / "benchmarks"
MODELS = ["vit_h", "vit_b", "mobile_sam"]


def run(script: str, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable] if script.endswith(".py") else ["bash"]
    command += [str(BENCHMARKS / script), *map(str, arguments)]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "PERSENSE_SETUP": "off", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=600, env=variables)


def tiny(folder: pathlib.Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return run("gpu.py", "--device", "cpu", "--tiny", "--archives", folder, *arguments)


def cells(line: str) -> List[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("archives")


@pytest.fixture(scope="module")
def whole(archives: pathlib.Path):
    """All of it, and what it kept."""
    file = archives / "gpu.json"
    return tiny(archives, "--json", file), file


def test_every_row_has_a_figure(whole) -> None:
    done, file = whole
    assert done.returncode == 0, done.stderr + done.stdout
    kept = json.loads(file.read_text())
    assert kept["left_out"] == [] and kept["machine"]["persense"] == persense.__version__
    for row in kept["rows"]:
        assert re.search(r"\d", row["measured"]), row
        assert (row["met"] is None) == (row["goal"] == ""), row
    names = [row["what"] for row in kept["rows"]]
    assert len(set(names)) == len(names)
    for model in MODELS:
        for what in ("fp32, encode", "fp32, 1 prompts", "fp32, query of 5 outside"):
            assert any(name.startswith(f"{model} {what}") for name in names), (model, what)
        assert f"{model} bf16, 5 masks beside fp32's" in names
    for what in ("vit_h fp32, query of 5, peak", "countr", "dsalvanet", "grounding_dino"):
        assert any(name.startswith(what) for name in names), what
    for part in ("default, 0.019 MP", "default, 0.043 MP", "vit_b fp32, 4 threads", "default, 4"):
        assert any(name.startswith(part) for name in names), part


def test_the_table_is_markdown(whole) -> None:
    done, file = whole
    _, empty, header, rule, *rows = done.stdout.splitlines()
    assert empty == "" and all(line.startswith("| ") and line.endswith(" |") for line in rows)
    assert cells(header) == ["what", "persense", "beside it", "ratio", "goal", "met"]
    assert all(re.fullmatch("-+:?", cell) for cell in cells(rule))
    kept = json.loads(file.read_text())["rows"]
    assert [cells(line)[:2] for line in rows] == [[row["what"], row["measured"]] for row in kept]
    assert {len(cells(line)) for line in (header, rule, *rows)} == {6}


def test_threads_find_the_same_and_half_precision_nearly_the_same(whole) -> None:
    rows = {row["what"]: row for row in json.loads(whole[1].read_text())["rows"]}
    for name in ("vit_b fp32", "default"):
        assert rows[f"{name}, 4 threads on one device"]["met"] is True
    for model in MODELS:
        iou = float(rows[f"{model} bf16, 5 masks beside fp32's"]["measured"].split()[1])
        assert 0.8 < iou <= 1


def test_without_the_published_predictor_its_place_says_so(whole) -> None:
    try:
        import segment_anything  # noqa: F401
    except ImportError:
        assert "SamPredictor: not installed (" in whole[0].stdout
    else:
        assert "the largest difference from SamPredictor's" in whole[0].stdout


def test_a_row_that_fails_says_why_and_the_others_go_on(
    whole, archives: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    broken = tmp_path / "dsalvanet_tiny" / "dmg.pt"
    broken.parent.mkdir()
    broken.write_bytes(b"no archive")
    (tmp_path / "grounding_dino_tiny").symlink_to(archives / "grounding_dino_tiny")
    done = tiny(tmp_path, "--only", "dsalvanet,grounding_dino")
    assert done.returncode == 1
    failed, measured = (cells(line) for line in done.stdout.splitlines()[4:])
    assert failed[:2] == ["dsalvanet fp32", "error"] and failed[5] == "NO"
    assert str(broken) in failed[2]
    assert measured[0] == "grounding_dino fp32, detect" and measured[1].endswith("s")


def test_what_does_not_fit_into_the_time_is_named(archives: pathlib.Path) -> None:
    done = tiny(archives, "--seconds", "0", "--only", "vit_b,threads")
    assert done.returncode == 0, done.stderr
    *_, empty, last = done.stdout.splitlines()
    assert empty == "" and last.startswith("Left out, as 0 seconds did not suffice: encode vit_b")
    assert "threads mini" in last and "vit_h" not in last


def test_an_unknown_name_is_one_line(tmp_path: pathlib.Path) -> None:
    done = tiny(tmp_path, "--only", "vit_h,vit_x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "gpu.py: --only: got vit_x, expected some of 0.019MP, 0.043MP, bf16,"
    )
    assert done.stderr.count("\n") == 1


def test_the_shell_script_runs_the_package_that_is_there(archives: pathlib.Path, whole) -> None:
    given = ["--device", "cpu", "--tiny", "--archives", archives, "--only", "vit_b"]
    done = run("gpu.sh", *given, "--seconds", "0", PERSENSE_TORCH_PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert "Left out, as " in done.stdout and done.stderr == ""


def test_the_shell_script_says_in_one_line_what_is_missing(tmp_path: pathlib.Path) -> None:
    import torch

    for given, environment, answer in (
        (["--device", "cpu"], {"PERSENSE_TORCH_PYTHON": "/nowhere"}, "/nowhere has no PyTorch"),
        (["--device"], {}, "--device: got nothing, expected a value"),
        (["--device", "cuda"], {}, "sees no GPU"),
    ):
        if answer == "sees no GPU" and torch.cuda.is_available():
            continue
        done = run("gpu.sh", *given, **{"PERSENSE_TORCH_PYTHON": sys.executable, **environment})
        assert done.returncode in (2, 3) and done.stdout == ""
        assert done.stderr.startswith("gpu.sh: ") and answer in done.stderr
        assert done.stderr.count("\n") == 1
