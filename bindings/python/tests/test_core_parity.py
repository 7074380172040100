"""Python gives what C++ gives: the program's files, and the golden vectors of IDM and PPSM."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any, Callable, List, Optional, Tuple

import numpy as np
import pytest
from samples import DATA, REPOSITORY, persense, run_program


def example_folders() -> List[pathlib.Path]:
    """The repository's samples, and one image of every class of the data beside it."""
    data = pathlib.Path(os.environ.get("PERSENSE_DATA", REPOSITORY.parent / "shared" / "data"))
    folders = [DATA, data / "dense"]
    return [f for root in folders if root.is_dir() for f in sorted(root.iterdir()) if f.is_dir()]


def without_info(coco: pathlib.Path) -> Any:
    """A COCO file without what the program says of the run."""
    content = json.loads(coco.read_text())
    del content["info"]
    return content


def pictures_of(folder: pathlib.Path) -> Tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """Support, mask and query."""
    by_stem = {f.stem: f for f in folder.iterdir() if f.suffix in (".jpg", ".tif", ".webp")}
    return by_stem["00"], folder / "00.png", by_stem["01"]


def test_data_beside_the_repository_is_there() -> None:
    if len(example_folders()) == 4:
        pytest.skip("no data at ../shared/data (set PERSENSE_DATA): the repository's samples alone")


def test_the_default_is_mini() -> None:
    name = "mini"
    stages = persense._core.Stages()
    assert [stages.encoder, stages.detector, stages.dmg, stages.decoder] == [name] * 4
    support, mask, query = pictures_of(DATA / "beans")
    results = [
        pipeline.support(support, mask).segment(query)._core.csv()
        for pipeline in (
            persense.Pipeline(),
            persense.Pipeline(name),
            persense.Pipeline("classic", encoder=name, detector=name, dmg=name, decoder=name),
        )
    ]
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("models", ["classic", None])
@pytest.mark.parametrize("folder", example_folders(), ids=lambda f: f.name)
def test_files_of_the_program_equal_pythons(
    folder: pathlib.Path, models: Optional[str], tmp_path: pathlib.Path
) -> None:
    support, mask, query = pictures_of(folder)
    run_program(
        "segment", "--support", support, "--mask", mask, "--label", "thing", query,
        "-o", tmp_path / "program", "--labels", "--csv", "--coco",
        *(["--models", models] if models else []),
    )  # fmt: skip
    core = persense.Pipeline(models).support(support, mask, "thing").segment(query)._core
    assert (tmp_path / "program" / "01_instances.csv").read_text() == core.csv()
    labels, coco = tmp_path / "labels.png", tmp_path / "coco.json"
    persense._core.write_labels(labels, core)
    assert labels.read_bytes() == (tmp_path / "program" / "01_labels.png").read_bytes()
    persense._core.write_coco(coco, query.name, core, "thing")
    assert without_info(coco) == without_info(tmp_path / "program" / "instances.json")

    written = json.loads(coco.read_text())["annotations"]
    assert [a["point"] for a in written] == core.points.tolist()
    assert len(core) > 0 or folder.parent != DATA  # elsewhere nothing may be found


def test_files_of_the_program_equal_pythons_with_the_method_grounded_sam(
    tmp_path: pathlib.Path,
) -> None:
    support, mask, query = pictures_of(DATA / "beans")
    run_program(
        "segment", "--support", support, "--mask", mask, query, "-o", tmp_path, "--csv", "--coco",
        "--models", "classic", "--method", "grounded_sam",
    )  # fmt: skip
    pipeline = persense.Pipeline("classic", options={"method": "grounded_sam"})
    result = pipeline.support(support, mask).segment(query)
    assert (tmp_path / "01_instances.csv").read_text() == result._core.csv()
    coco = json.loads((tmp_path / "instances.json").read_text())
    assert coco == result.to_coco()
    assert coco["images"][0]["notes"] == result.notes
    assert result.notes == ["the decoder takes points alone, so it got the centre of each box"]
    assert len(result) > 10
    unread = persense.Pipeline("classic", dmg="none.pt", options={"method": "grounded_sam"})
    assert unread.support(support, mask).segment(query)._core.csv() == result._core.csv()


def test_an_encoder_archive_gives_the_programs_result(tmp_path: pathlib.Path) -> None:
    if not persense.has_torch():
        pytest.skip("this build cannot load archives")
    archive = REPOSITORY.parent / "shared" / "models" / "squeezenet1_0_encoder.pt"
    if not archive.exists():
        pytest.skip(f"no archive at {archive}")
    support, mask, query = pictures_of(DATA / "beans")
    run_program(
        "segment", "--support", support, "--mask", mask, query, "-o", tmp_path, "--csv",
        "--models", "classic", "--encoder", archive,
    )  # fmt: skip
    result = persense.Pipeline("classic", encoder=archive).support(support, mask).segment(query)
    assert (tmp_path / "01_instances.csv").read_text() == result._core.csv()
    assert persense.info(archive).stage == "encoder"


def cases(folder: pathlib.Path) -> "List[Tuple[pathlib.Path, Any]]":
    found = [p for p in sorted(folder.iterdir()) if (p / "case.json").is_file()]
    if (folder / "case.json").is_file():
        found.insert(0, folder)
    assert found
    return [(p, json.loads((p / "case.json").read_text(encoding="utf-8"))) for p in found]


def two_dimensional(file: pathlib.Path) -> np.ndarray:
    array = np.load(file)
    return array.reshape(array.shape[-2:]).astype(np.float32)


def test_idm_equals_the_golden_vectors(golden_folder: Callable[[str], pathlib.Path]) -> None:
    for folder, expected in cases(golden_folder("idm")):
        height, width = expected["image_size_hw"]
        found = persense.idm(
            two_dimensional(folder / "dm.npy"), (width, height), preset="reference"
        )
        assert found.points.tolist() == np.load(folder / "points.npy").reshape(-1, 2).tolist(), (
            folder
        )
        # the reference rounds the float32 sum up
        assert np.ceil(np.float32(found.estimated_count)) == float(expected["count"])


def test_idm_at_threshold_20_equals_the_golden_vectors(
    golden_folder: Callable[[str], pathlib.Path],
) -> None:
    for folder, expected in cases(golden_folder("idm_countr")):
        height, width = expected["image_size_hw"]
        density = two_dimensional(folder / "density.npy")
        found = persense.idm(density, (width, height), preset="reference", threshold=20)
        assert found.points.tolist() == np.load(folder / "points.npy").reshape(-1, 2).tolist(), (
            folder
        )


def test_ppsm_equals_the_golden_vectors(golden_folder: Callable[[str], pathlib.Path]) -> None:
    for folder, expected in cases(golden_folder("ppsm")):
        got = persense.ppsm(
            np.load(folder / "points.npy").astype(int),
            two_dimensional(folder / "similarity.npy"),
            float(expected["count"]),
            np.load(folder / "boxes.npy"),
            preset="reference",
        )
        assert got.selected.tolist() == expected["selected_index"], folder
        threshold = np.float32(expected["threshold"])
        assert np.float32(got.threshold) == threshold or np.isnan([got.threshold, threshold]).all()
