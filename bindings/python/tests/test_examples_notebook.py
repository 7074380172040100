"""The notebook runs from top to bottom, and is kept without its outputs."""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any, Dict, List

import pytest
from samples import EXAMPLES, count_by_default

NOTEBOOK = EXAMPLES / "06_notebook.ipynb"


def code_cells(notebook: Any) -> List[Dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = code_cells(json.loads(NOTEBOOK.read_text()))
    assert len(cells) > 5
    for cell in cells:
        assert cell["outputs"] == [] and cell["execution_count"] is None, cell["source"]


def test_the_notebook_runs_and_shows_pictures_and_tables(tmp_path: pathlib.Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    for package in ("ipykernel", "matplotlib", "pandas"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    shutil.copytree(EXAMPLES / "data" / "cells", tmp_path / "data" / "cells")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()  # raises what a cell raises
    shown = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    assert not [output for output in shown if output.get("name") == "stderr"]
    kinds = [kind for output in shown for kind in output.get("data", {})]
    assert kinds.count("image/png") == 4  # the overlay, the figure, the stages twice
    assert "text/html" in kinds  # the table
    count = count_by_default("cells")
    printed = "".join(output.get("text", "") for output in shown)
    assert f"Result({count} instances" in printed
    coco = json.loads((tmp_path / "cells_coco.json").read_text())
    assert len(coco["annotations"]) == count
