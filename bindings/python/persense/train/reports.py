"""Pictures of a training run."""

from __future__ import annotations

import io
import json
import pathlib
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from persense import _core
from persense._optional import optional
from persense.networks import mini
from persense.train import _sheets
from persense.train.losses import Tensors

__all__ = ["curves", "panels", "read_log", "require"]

_METRICS = ("iou", "count_error", "ground_auc", "distractor_auc", "same_auc")


def require() -> None:
    """Raise ImportError, saying how to install it, where what draws the curves is missing."""
    optional("matplotlib", "train")


def read_log(path: pathlib.Path) -> List[Dict[str, Any]]:
    """The lines of a run's log; none where there is no log.

    Raises ValueError naming the line that is not one of them, OSError.
    """
    if not path.exists():
        return []
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines()):
        try:
            line = json.loads(text)
            line["kind"], line["minutes"], line["steps"], line["loss"]
        except (ValueError, TypeError, KeyError):
            raise ValueError(
                f"{path}:{number + 1}: got {text[:40]!r}, expected a line of a training run's log"
            ) from None
        lines.append(line)
    return lines


def curves(log: pathlib.Path, path: pathlib.Path) -> None:
    """Draw a run's losses, and its metrics on rendered validation.

    Raises ValueError as read_log does, ImportError as require does, OSError.
    """
    require()
    optional("matplotlib", "train").use("Agg")
    pyplot = optional("matplotlib.pyplot", "train")
    lines = read_log(log)
    figure, (losses, metrics) = pyplot.subplots(1, 2, figsize=(12, 4.5))
    for kind, width in (("training", 0.8), ("validation", 1.8)):
        chosen = [line for line in lines if line["kind"] == kind]
        minutes = [line["minutes"] for line in chosen]
        losses.plot(minutes, [line["loss"] for line in chosen], ".-", ms=3, lw=width, label=kind)
    held = [line for line in lines if line["kind"] == "validation"]
    minutes = [line["minutes"] for line in held]
    for name in _METRICS:
        metrics.plot(minutes, [line[name] for line in held], ".-", label=name)
    losses.set(xlabel="minutes", ylabel="loss", title="Loss")
    metrics.set(xlabel="minutes", ylim=(0, 1), title="Rendered validation")
    for axes in (losses, metrics):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.tight_layout()
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=100, format="png")
    pyplot.close(figure)
    _core.write_file(path, drawn.getvalue())


def _grey(values: Tensor) -> npt.NDArray[np.float32]:
    plane = values.float().cpu().numpy()
    grey: npt.NDArray[np.float32] = np.repeat(plane[..., None], 3, axis=2)
    return grey


def panels(
    batches: Sequence[Tensors],
    outputs: Sequence[Tuple[Tensor, Tensor, Tensor]],
    path: pathlib.Path,
) -> None:
    """Draw two samples a row, of each batch the first eight, as a PNG file.

    Of each: support, query, target and found, density and found, any object. Raises OSError.
    """
    rows: List[npt.NDArray[np.float32]] = []
    for batch, (maps, _, _) in zip(batches, outputs):
        probability = torch.sigmoid(maps.float())
        for i in range(min(8, len(maps))):
            rows.append(_row(batch, probability, i))
    cells = [(np.clip(row, 0, 1) * 255).astype(np.uint8) for row in rows]
    _core.write_file(path, _core.encode_png(_sheets.tiled(cells, 2)))


def _row(batch: Dict[str, Tensor], probability: Tensor, i: int) -> npt.NDArray[np.float32]:
    query = batch["query"][i].float().cpu().numpy().transpose(1, 2, 0)
    patch = batch["patch"][i].float().cpu().numpy().transpose(1, 2, 0).copy()
    patch[batch["mask"][i, 0].float().cpu().numpy() == 0] *= 0.5
    first = np.zeros_like(query)
    first[: patch.shape[0], : patch.shape[1]] = patch
    known = batch["known"][i]
    planes = [
        batch["target"][i] * known + 0.3 * (1 - known),
        probability[i, mini.TARGET],
        batch["peak"][i],
        probability[i, mini.PEAKS],
        probability[i, mini.OBJECT],
    ]
    times = query.shape[0] // planes[0].shape[0]
    large = [_grey(p).repeat(times, axis=0).repeat(times, axis=1) for p in planes]
    row: npt.NDArray[np.float32] = np.concatenate([first, query, *large], axis=1)
    return row
