"""Export of persense's own small network: ``mini.pt``, the file of the learned stages."""

from __future__ import annotations

import argparse
import json
import pathlib
from typing import Any, Dict, Iterator, List, Tuple

import torch
from torch import Tensor

from persense_export.archive import Archive
from persense_export.checkpoints import Checkpoint, ExportError, load_by_key
from persense_export.graphs import mini as graphs
from persense_export.networks import mini
from persense_export.networks.mini import Mini

UPSTREAM = "persense: trained on rendered, composed and real scenes, Apache-2.0"


def network(checkpoint: Checkpoint) -> Mini:
    """The network of the averaged weights that ``persense_training.mini`` writes."""
    net = Mini()
    load_by_key(net, checkpoint, "mini")
    return net


def _samples() -> Iterator[Tuple[Tensor, Tensor, Tensor]]:
    """Levels of several shapes and batches, each with exemplars' patches and masks of discs."""
    random = torch.Generator().manual_seed(1)
    axis = torch.arange(mini.PATCH) - (mini.PATCH - 1) / 2
    away = torch.sqrt(axis[:, None] ** 2 + axis[None] ** 2)
    multiple = mini.MULTIPLE
    for batch, rows, columns, radius in ((1, 8, 8, 12), (1, 5, 11, 7), (2, 1, 4, 14)):
        query = torch.rand(batch, 3, rows * multiple, columns * multiple, generator=random)
        patch = torch.rand(batch, 3, mini.PATCH, mini.PATCH, generator=random)
        mask = (away < radius).float().expand(batch, 1, mini.PATCH, mini.PATCH)
        yield query, patch, mask


def _candidates(net: Mini) -> Iterator[Tuple[str, Tuple[Any, ...]]]:
    """The calls of candidates' regions, their comparison and their outlines."""
    random = torch.Generator().manual_seed(2)

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random)

    query = rand(2, 3, 96, 128)
    features = net.trunk(query)
    maps = 4 * rand(2, mini.MAPS, 48, 64) - 2
    for count, exemplars in ((1, 1), (37, 5)):
        owner = torch.arange(count) % 2
        angle = 7 * rand(count)
        places = 96 * rand(count, 2), 10 + 30 * rand(count), torch.cos(angle), torch.sin(angle)
        boxes = torch.cat([places[0], torch.stack(places[1:], dim=1)], dim=1)
        masks = (rand(count, 1, mini.CROP, mini.CROP) < 0.6).float()
        yield "sample", (*features, owner, boxes)
        yield "evidence", (maps, owner, boxes, masks)
        grid = net.sample(*features, owner, boxes)
        crops = torch.cat([rand(count, 3, mini.CROP, mini.CROP), masks], dim=1)
        shape = rand(count, mini.SHAPE)
        yield "embed", (crops, grid, shape)
        of = net.embed(crops, grid, shape)[None]
        sizes = 3 + 4 * rand(1, count)
        evidence = net.evidence(maps, owner, boxes, masks)[None]
        valid = rand(1, count) < 0.9
        chosen = torch.arange(exemplars) % count
        there = torch.arange(exemplars)[None] < max(1, exemplars - 1)
        yield "decide", (of, sizes, evidence, valid, of[:, chosen], sizes[:, chosen], there)
        size, half = mini.WINDOW, mini.WINDOW // 2
        coarse = (rand(count, 1, size, size) < 0.4).float()
        parts = 4 * rand(count, mini.MAPS, half, half) - 2, rand(count, 32, half, half)
        yield "refine", (rand(count, 3, size, size), coarse, *parts, size * rand(count, 2))


def _calls(net: Mini) -> Iterator[Tuple[str, Tuple[Any, ...]]]:
    """What the library calls, each by itself."""
    for query, patch, mask in _samples():
        yield "trunk", (query,)
        features = net.trunk(patch)
        yield "pool", (*features, mask)
        conditioning = net.conditioning(net.pool(*features, mask))
        yield "conditioning", (net.pool(*features, mask),)
        yield "maps", (*net.trunk(query), conditioning)
    yield from _candidates(net)


def calibration(path: str) -> Dict[str, Any]:
    """What persense_training.calibrate wrote: thresholds, and what scores are worth."""
    try:
        read = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: cannot read: {error}") from None
    known = {"same", "quality", "same_alone", "present", "scores"}
    if not isinstance(read, dict) or not set(read) <= known:
        raise ExportError(f"{path}: expected an object with {', '.join(sorted(known))}")
    return read


def archives(checkpoint: Checkpoint, options: argparse.Namespace) -> List[Archive]:
    """What to write for the network's weights; the manifest has what whoever runs it must know."""
    net = network(checkpoint)
    manifest = {
        "stage": "all",
        "name": "mini",
        "upstream": UPSTREAM,
        "sha256_weights": checkpoint.sha256,
        "band": list(mini.BAND),
        "overlap": mini.OVERLAP,
        "offset_unit": mini.UNIT,
        "patch": mini.PATCH,
        "crop": mini.CROP,
        "window": mini.WINDOW,
        "multiple": mini.MULTIPLE,
    }
    if options.calibration:
        manifest["calibration"] = calibration(options.calibration)
    return [
        Archive(
            "mini.pt",
            manifest,
            net,
            _samples,
            lambda: _calls(net),
            graphs=lambda: graphs.graphs(net),
        )
    ]
