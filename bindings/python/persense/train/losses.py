"""What the small network is trained to: its losses, and how well it does on rendered scenes."""

from __future__ import annotations

from typing import Dict, List, Tuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from persense.networks import mini
from persense.train import episodes, scenes

__all__ = ["Tensors", "instance_looks", "losses", "metrics", "tensors"]

#: Weights of the parts of the loss, by eye: about equal at the end of training.
WEIGHTS = {
    "target": 1.0,
    "overlap": 0.6,
    "density": 1.2,
    "count": 0.2,
    "offset": 0.8,
    "object": 0.3,
    "same": 0.8,
}
#: Others of its picture that an object is compared with, beside the support object. So a fifth of
#: the pairs are with the support object, as is its weight in the library's comparison.
PAIRS = 4
SHOWN = 0.3  #: least part of an object that shows, for it to be compared

Tensors = Dict[str, Tensor]


def tensors(batch: episodes.Batch) -> Tensors:
    """The parts of a batch that training needs, on the CPU, in float32 and int64."""
    target = batch.target_weight * np.stack([batch.target, batch.density * (1 / mini.PEAK)])
    arrays: Dict[str, npt.NDArray[np.generic]] = {
        "patch": batch.supports,
        "mask": batch.support_masks,
        "query": batch.queries,
        "target": target[0],
        "peak": target[1],
        "known": batch.target_weight,
        "objects": batch.objects,
        "objects_known": batch.objects_weight,
        "offsets": batch.offsets,
        "instances": batch.instances.astype(np.int64),
        "owners": batch.owners.astype(np.int64),
        "relations": batch.relations.astype(np.int64),
        "shown": batch.shown,
    }
    return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}


def _weighted(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1)


def instance_looks(look: Tensor, batch: Tensors) -> Tensor:
    """The look of every object of a batch, (N, 2 L), from looks of pixels (B, L, C, C)."""
    count = len(batch["owners"])
    first = torch.searchsorted(
        batch["owners"], torch.arange(len(look), device=look.device, dtype=torch.int64)
    )
    # 0 is all ground; objects follow in their order
    index = torch.where(
        batch["instances"] > 0, batch["instances"] + first[:, None, None], 0
    ).reshape(-1)
    flat = look.permute(0, 2, 3, 1).reshape(-1, look.shape[1])
    zero = torch.zeros(count + 1, look.shape[1], device=look.device, dtype=look.dtype)
    cells = torch.zeros(count + 1, device=look.device, dtype=look.dtype)
    cells = cells.index_add(0, index, torch.ones_like(flat[:, 0])).clamp(min=1)[:, None]
    mean = zero.index_add(0, index, flat) / cells
    variance = zero.index_add(0, index, (flat - mean.index_select(0, index)) ** 2) / cells
    return torch.cat([mean, torch.sqrt(variance + 1e-4)], dim=1)[1:]


def _partners(owners: Tensor, step: int) -> Tensor:
    """Per object the one so many further on among those of the same picture, and round again."""
    first = torch.searchsorted(owners, owners)
    count = torch.searchsorted(owners, owners, right=True) - first
    place = torch.arange(len(owners), device=owners.device) - first
    return first + (place + step) % count


def _looks(look: Tensor, prototype: Tensor, batch: Tensors) -> Tuple[Tensor, Tensor]:
    """For every object the look of its picture's support object, and its own: (N, 2 L), float32."""
    looks = instance_looks(look.float(), batch)
    return prototype.float()[:, -mini.LOOKS :].index_select(0, batch["owners"]), looks


def _compared(net: torch.nn.Module, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """Logits in float32, of a network in another type."""
    return net.compare(a.to(dtype), b.to(dtype)).float()


def same_logits(
    net: torch.nn.Module, look: Tensor, prototype: Tensor, batch: Tensors
) -> Tuple[Tensor, Tensor, Tensor]:
    """Logits of pairs being of one class, whether they are, and how much each pair counts.

    Pairs of the support object with every object, then of every object with the PAIRS next ones.
    """
    own, looks = _looks(look, prototype, batch)
    relation, owners = batch["relations"], batch["owners"]
    is_same, is_distinct = relation == scenes.SAME, relation == scenes.DISTINCT
    whole = batch["shown"] >= SHOWN
    others, same, known = [looks], [is_same], [(is_same | is_distinct) & whole]
    for step in range(1, PAIRS + 1):
        partner = _partners(owners, step)
        other = relation[partner]
        others.append(looks.index_select(0, partner))
        same.append(is_same & (other == scenes.SAME))
        sure = (relation != scenes.UNKNOWN) & (other != scenes.UNKNOWN)
        sure &= is_same | (other == scenes.SAME)
        known.append(sure & whole & whole[partner])
        known[-1] &= partner != torch.arange(len(partner), device=partner.device)
    logits = _compared(
        net, torch.cat([own] + PAIRS * [looks]), torch.cat(others), prototype.dtype
    )
    is_one, counts = torch.cat(same).float(), torch.cat(known).float()
    # as much weight on the same as on distinct ones, however many of each there are
    of_same, of_distinct = (counts * is_one).sum(), (counts * (1 - is_one)).sum()
    both = of_same + of_distinct
    weight = counts * torch.where(
        is_one > 0, both / (2 * of_same).clamp(min=1), both / (2 * of_distinct).clamp(min=1)
    )
    return logits, is_one, weight


def losses(
    net: torch.nn.Module, outputs: Tuple[Tensor, Tensor, Tensor], batch: Tensors
) -> Dict[str, Tensor]:
    """The parts of the loss, unweighted."""
    maps, look, prototype = outputs
    maps = maps.float()
    known, target, objects = batch["known"], batch["target"], batch["objects"]
    on_target = F.binary_cross_entropy_with_logits(maps[:, mini.TARGET], target, reduction="none")
    found = torch.sigmoid(maps[:, mini.TARGET]) * known
    common = (found * target).sum(dim=[1, 2])
    either = (found * found + target * target).sum(dim=[1, 2])
    heat, peak = maps[:, mini.PEAKS], batch["peak"]
    on_peak = (torch.sigmoid(heat) - peak).abs() ** 2 * F.binary_cross_entropy_with_logits(
        heat, peak.clamp(max=1), reduction="none"
    )
    mass = F.avg_pool2d((torch.sigmoid(heat) - peak) * known, 16) * (256 * mini.PEAK)
    off = (maps[:, mini.OFFSET_X : mini.OFFSET_Y + 1] - batch["offsets"]).abs().sum(dim=1)
    # targets count most, but whatever lies beside them shows where they end
    inside = known * (batch["instances"] > 0) * (0.3 + 0.7 * (target > 0.5))
    on_object = F.binary_cross_entropy_with_logits(maps[:, mini.OBJECT], objects, reduction="none")
    logits, same, weight = same_logits(net, look, prototype, batch)
    on_same = F.binary_cross_entropy_with_logits(logits, same, reduction="none")
    return {
        "target": _weighted(on_target, known),
        "overlap": (1 - (2 * common + 40) / (either + 40)).mean(),
        "density": (on_peak * known).sum() / (peak * known).sum().clamp(min=1),
        "count": mass.abs().mean(),
        "offset": _weighted(off, inside),
        "object": _weighted(on_object, batch["objects_known"]),
        "same": _weighted(on_same, weight),
    }


# --- metrics --------------------------------------------------------------------------------------


def _auc(values: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> float:
    """The chance that a positive one has a higher value than another; ties count half."""
    order = np.argsort(values, kind="stable")
    _, group, size = np.unique(values[order], return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    ranks = np.empty(len(values))
    ranks[order] = rank
    n = int(positive.sum())
    if n == 0 or n == len(values):
        return float("nan")
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(values) - n)))


def _samples(
    net: torch.nn.Module, outputs: Tuple[Tensor, Tensor, Tensor], batch: Tensors
) -> Tensors:
    """What metrics are made of, in one batch: each 1-D, of crops, of pixels or of objects."""
    maps, look, prototype = outputs
    maps = maps.float()
    found, known = torch.sigmoid(maps[:, mini.TARGET]), batch["known"]
    target = batch["target"] > 0.5
    hit = (found > 0.5) & (known > 0)
    density = torch.sigmoid(maps[:, mini.PEAKS]) * known * mini.PEAK
    truth = batch["peak"] * known * mini.PEAK
    ground = (known > 0) & (target | (batch["instances"] == 0))
    shown = batch["shown"] >= SHOWN
    own, looks = _looks(look, prototype, batch)
    return {
        "common": (hit & target).sum(dim=[1, 2]),
        "either": (hit | target & (known > 0)).sum(dim=[1, 2]),
        "wrong": (density - truth).sum(dim=[1, 2]).abs(),
        "count": truth.sum(dim=[1, 2]),
        "pixel": found[ground][::7],
        "on_target": target[ground][::7],
        "probability": instance_looks(found[:, None], batch)[:, 0][shown],
        "logit": _compared(net, own, looks, prototype.dtype)[shown],
        "relation": batch["relations"][shown],
    }


def metrics(
    net: torch.nn.Module, outputs: "List[Tuple[Tensor, Tensor, Tensor]]", batches: "List[Tensors]"
) -> Dict[str, float]:
    """How well the outputs fit their batches: all on rendered pictures.

    iou: of the target's pixels. count_error: of a crop, mean, over the mean count. ground_auc,
    distractor_auc: of a target's mean probability against that of ground pixels and of objects of
    another class. same_auc: of the comparison of looks, against the same objects.
    """
    samples = [_samples(net, *pair) for pair in zip(outputs, batches)]
    joined = {name: torch.cat([sample[name] for sample in samples]) for name in samples[0]}
    compared = joined["relation"] != scenes.UNKNOWN
    same = (joined["relation"] == scenes.SAME)[compared]

    def auc(values: Tensor, positive: Tensor) -> float:
        return _auc(values.double().cpu().numpy(), positive.cpu().numpy())

    return {
        "iou": float(joined["common"].sum()) / max(float(joined["either"].sum()), 1.0),
        "count_error": float(joined["wrong"].mean() / joined["count"].mean()),
        "ground_auc": auc(joined["pixel"], joined["on_target"]),
        "distractor_auc": auc(joined["probability"][compared], same),
        "same_auc": auc(joined["logit"][compared], same),
    }
