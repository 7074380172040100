"""What the small network is trained to: its losses, and how well it does."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from persense_export.networks import mini
from persense_training.crops import JUNK
from persense_training.scenes import DISTINCT, SAME

__all__ = ["Answer", "Tensors", "WEIGHTS", "auc", "forward", "losses"]

Tensors = Dict[str, Tensor]

#: Weights of the parts of the loss, by eye: none of them is far above the others.
WEIGHTS = {
    "target": 1.0,
    "overlap": 0.6,
    "density": 1.0,
    "count": 0.2,
    "offset": 0.6,
    "object": 0.6,
    "contact": 0.15,
    "same": 1.0,
    "same_feedback": 1.0,
    "quality": 0.3,
    "outline": 0.5,
}


class Answer:
    """What the network makes of a batch."""

    def __init__(self) -> None:
        self.maps: Tensor  #: (frames, MAPS, H / 2, W / 2)
        self.alone: Tensor  #: (N, 2) logits of candidates, with the support alone
        self.feedback: Tensor  #: (N, 2) the same with the query's own exemplars as well
        self.outline: Tensor  #: (R, 1, WINDOW, WINDOW)


def _windows(x: Tensor, at: Tensor, stride: int, size: int) -> Tensor:
    """Square parts (N, C, size / stride, size / stride) of frames at (N, 3): frame, y, x."""
    wide = size // stride
    _, c, h, w = x.shape
    steps = torch.arange(wide, device=x.device)
    rows = at[:, 1, None] // stride + steps  # (N, wide)
    columns = at[:, 2, None] // stride + steps
    index = (at[:, 0, None, None] * h + rows[:, :, None]) * w + columns[:, None, :]
    flat = x.permute(0, 2, 3, 1).reshape(-1, c).index_select(0, index.reshape(-1))
    return flat.reshape(len(at), wide, wide, c).permute(0, 3, 1, 2)


def _even(count: int, multiple: int) -> int:
    """Rounded up: what computes convolutions prepares itself for every new shape, at a price."""
    return -(-max(count, 1) // multiple) * multiple


def _filled(x: Tensor, rows: int) -> Tensor:
    """With zeros below, up to so many rows."""
    return torch.cat([x, x.new_zeros([rows - len(x), *x.shape[1:]])])


def samples_of(batch: Tensors) -> int:
    """How many samples a batch holds: each has a support object."""
    return int(batch["support_sample"][-1]) + 1


def forward(net: torch.nn.Module, batch: Tensors, drop: Optional[torch.Generator] = None) -> Answer:
    """Run everything. drop: with it, evidence of the maps is withheld from some candidates."""
    answer = Answer()
    device = batch["patch"].device
    marked = len(batch["patch"])
    rows = _even(marked, 8)
    support = net.trunk(_filled(batch["patch"], rows))
    mine = net.pool(*support, _filled(batch["mask"], rows))[:marked]  # (S, P)
    frames = net.trunk(batch["query"])
    size = samples_of(batch)
    crops = len(batch["query"]) // size
    total = torch.zeros(size, mine.shape[1], device=device)
    total = total.index_add(0, batch["support_sample"], mine.float())
    number = torch.zeros(size, device=device).index_add(
        0, batch["support_sample"], torch.ones(marked, device=device)
    )
    if len(batch["exemplar"]):
        at = batch["exemplar_at"]
        rows = _even(len(at), 8)
        places = _filled(at, rows)
        windows = [_windows(f, places, 2 << i, mini.PATCH) for i, f in enumerate(frames)]
        masks = _filled(batch["exemplar_mask"], rows)
        own = net.pool(windows[0], windows[1], windows[2], masks)[: len(at)]
        total = total.index_add(0, batch["exemplar_sample"], own.float())
        number = number.index_add(0, batch["exemplar_sample"], torch.ones(len(own), device=device))
    prototypes = (total / number[:, None]).to(mine.dtype)
    conditions = [c.repeat_interleave(crops, dim=0) for c in net.conditioning(prototypes)]
    answer.maps = net.maps(frames[0], frames[1], frames[2], conditions)

    # candidates
    dtype = prototypes.dtype
    rows = len(support[0])
    each = torch.arange(rows, device=device)
    embedded = net.embed(
        _filled(batch["support_crop"], rows),
        net.sample(
            support[0], support[1], support[2], each, _filled(batch["support_box"], rows)
        ),
        _filled(batch["support_shape"].to(dtype), rows),
    )[:marked]
    count = len(batch["frame"])
    most = _even(int(batch["slot"].max()) + 1 if count else 1, 8)
    alone = int(batch["support_slot"].max()) + 1
    held = _even(int(batch["exemplar_slot"].max()) + 1, 8) if len(batch["exemplar"]) else alone
    held = max(held, alone)
    if count:
        rows = _even(count, 32)
        grid = net.sample(
            frames[0],
            frames[1],
            frames[2],
            _filled(batch["frame"], rows),
            _filled(batch["box"], rows),
        )
        shape = _filled(batch["shape"].to(dtype), rows)
        own = net.embed(_filled(batch["crop"], rows), grid, shape)[:count]
        seen = net.evidence(
            answer.maps.detach(), batch["frame"], batch["box"], batch["crop"][:, 3:]
        )
        if drop is not None:
            kept = (torch.rand(size, generator=drop) > 0.2).to(device)
            seen = seen * kept[batch["sample"]][:, None].to(dtype)
    else:
        own = torch.zeros(0, mini.EMBEDDING, dtype=dtype, device=device)
        seen = torch.zeros(0, mini.MAPS, dtype=dtype, device=device)
    place = batch["sample"] * most + batch["slot"]

    def padded(values: Tensor, width: int, index: Tensor, rows: int) -> Tensor:
        flat = torch.zeros(size * rows, width, dtype=values.dtype, device=device)
        return flat.index_copy(0, index, values).reshape(size, rows, width)

    candidates = padded(own, mini.EMBEDDING, place, most)
    evidence = padded(seen, mini.MAPS, place, most)
    sizes = padded(batch["size"][:, None], 1, place, most)[:, :, 0]
    valid = padded(torch.ones(count, 1, device=device), 1, place, most)[:, :, 0] > 0
    index = batch["support_sample"] * held + batch["support_slot"]
    exemplars = padded(embedded, mini.EMBEDDING, index, held)
    exemplar_sizes = padded(batch["support_size"][:, None], 1, index, held)[:, :, 0]
    there = padded(torch.ones(marked, 1, device=device), 1, index, held)[:, :, 0]

    def decided(e: Tensor, s: Tensor, v: Tensor) -> Tensor:
        logits = net.decide(candidates, sizes, evidence, valid, e, s, v > 0)
        return logits.float().reshape(size * most, 2).index_select(0, place)

    answer.alone = decided(exemplars[:, :alone], exemplar_sizes[:, :alone], there[:, :alone])
    answer.feedback = answer.alone
    if len(batch["exemplar"]):
        index = batch["exemplar_sample"] * held + batch["exemplar_slot"]
        chosen = batch["exemplar"]
        more = padded(own.index_select(0, chosen), mini.EMBEDDING, index, held)
        exemplars = exemplars + more
        exemplar_sizes = (
            exemplar_sizes + padded(batch["size"][chosen][:, None], 1, index, held)[:, :, 0]
        )
        there = there + padded(torch.ones(len(chosen), 1, device=device), 1, index, held)[:, :, 0]
        answer.feedback = decided(exemplars, exemplar_sizes, there)

    # outlines
    count = len(batch["window_at"])
    if count:
        rows = _even(count, 8)
        at = _filled(batch["window_at"], rows)
        outline = net.refine(
            _windows(batch["query"], at, 1, mini.WINDOW),
            _filled(batch["window_coarse"], rows),
            _windows(answer.maps, at, 2, mini.WINDOW),
            _windows(frames[0], at, 2, mini.WINDOW),
            _filled(batch["window_centre"], rows),
        )
        answer.outline = outline[:count].float()
    else:
        answer.outline = torch.zeros(0, 1, mini.WINDOW, mini.WINDOW, device=device)
    return answer


def _weighted(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1)


def labels_of(batch: Tensors) -> Tuple[Tensor, Tensor]:
    """Whether candidates are of the support's class, and whether that is taught: 0 or 1 each."""
    relation = batch["relation"]
    same = (relation == SAME).float()
    known = same + ((relation == DISTINCT) | (relation == JUNK)).float()
    return same, known


def _on_same(logits: Tensor, same: Tensor, known: Tensor) -> Tensor:
    """As much weight on the same as on the others, however many of each there are; but at most
    three times, as there may be few.
    """
    of_same, of_others = (known * same).sum(), (known * (1 - same)).sum()
    both = of_same + of_others
    up = (both / (2 * of_same).clamp(min=1)).clamp(max=3.0)
    down = (both / (2 * of_others).clamp(min=1)).clamp(max=3.0)
    weight = known * torch.where(same > 0, up, down)
    return _weighted(F.binary_cross_entropy_with_logits(logits, same, reduction="none"), weight)


def losses(answer: Answer, batch: Tensors) -> Dict[str, Tensor]:
    """The parts of the loss, unweighted."""
    maps = answer.maps.float()
    known, target, objects = batch["target_known"], batch["target"], batch["objects"]
    on_target = F.binary_cross_entropy_with_logits(maps[:, mini.TARGET], target, reduction="none")
    found = torch.sigmoid(maps[:, mini.TARGET]) * known
    hoped = target * known
    common = (found * hoped).sum(dim=[1, 2])
    either = (found * found + hoped * hoped).sum(dim=[1, 2])
    counted = batch["density_known"]
    heat, peak = maps[:, mini.PEAKS], batch["density"] * counted
    on_peak = (torch.sigmoid(heat) - peak).abs() ** 2 * F.binary_cross_entropy_with_logits(
        heat, peak.clamp(max=1), reduction="none"
    )
    mass = F.avg_pool2d((torch.sigmoid(heat) - peak) * counted, 14) * (196 * mini.PEAK)
    off = (maps[:, mini.OFFSET_X : mini.OFFSET_Y + 1] - batch["offsets"]).abs().sum(dim=1)
    on_object = F.binary_cross_entropy_with_logits(maps[:, mini.OBJECT], objects, reduction="none")
    on_contact = F.binary_cross_entropy_with_logits(
        maps[:, mini.CONTACT], batch["contact"], reduction="none"
    )
    near = batch["objects_known"] * (1 + 4 * batch["contact"])
    same, taught = labels_of(batch)
    parts = {
        "target": _weighted(on_target, known),
        "overlap": (1 - (2 * common + 40) / (either + 40)).mean(),
        "density": (on_peak * counted).sum() / (peak.sum() + 20),
        "count": mass.abs().mean(),
        "offset": _weighted(off, batch["offsets_weight"]),
        "object": _weighted(on_object, batch["objects_known"]),
        "contact": _weighted(on_contact, near),
        "same": _on_same(answer.alone[:, 0], same, taught),
        "quality": _weighted(
            F.binary_cross_entropy_with_logits(
                answer.alone[:, 1], batch["quality"], reduction="none"
            ),
            batch["quality_known"],
        ),
    }
    # candidates that have exemplars of the query beside them, and are none
    having = torch.zeros(samples_of(batch), device=taught.device)
    having = having.index_fill(0, batch["exemplar_sample"], 1.0)
    others = taught * having[batch["sample"]]
    others = others.index_fill(0, batch["exemplar"], 0.0)
    parts["same_feedback"] = _on_same(answer.feedback[:, 0], same, others)
    truth, sure = batch["window_truth"], batch["window_known"]
    on_outline = F.binary_cross_entropy_with_logits(answer.outline, truth, reduction="none")
    inside = torch.sigmoid(answer.outline) * sure
    overlap = 2 * (inside * truth).sum(dim=[1, 2, 3]) + 20
    overlap = overlap / ((inside + truth * sure).sum(dim=[1, 2, 3]) + 20)
    dice = (1 - overlap).mean() if len(overlap) else answer.outline.sum()
    parts["outline"] = 3 * _weighted(on_outline, sure) + dice
    return parts


# --- metrics --------------------------------------------------------------------------------------


def auc(values: npt.NDArray[np.floating], positive: npt.NDArray[np.bool_]) -> float:
    """The chance that a positive one has a higher value than another; ties count half."""
    n = int(positive.sum())
    if n == 0 or n == len(values):
        return float("nan")
    order = np.argsort(values, kind="stable")
    _, group, size = np.unique(values[order], return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    ranks = np.empty(len(values))
    ranks[order] = rank
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(values) - n)))


class Metrics:
    """Sums over batches of what validation reports."""

    def __init__(self) -> None:
        self._values: Dict[str, List[npt.NDArray[np.float64]]] = {}

    def _add(self, name: str, values: Tensor) -> None:
        plain = values.detach().double().reshape(-1).numpy()
        self._values.setdefault(name, []).append(plain)

    def add(self, answer: Answer, batch: Tensors) -> None:
        """The answer to a batch."""
        known = batch["target_known"] > 0
        target = (batch["target"] > 0.5) & known
        hit = (answer.maps[:, mini.TARGET].float() > 0) & known
        self._add("common", (hit & target).sum(dim=[1, 2]))
        self._add("either", (hit | target).sum(dim=[1, 2]))
        # nothing to be found in the sample, and nothing unknown that may be
        unsure = (batch["relation"] == 1) | (batch["relation"] == SAME)
        any_target = torch.zeros(samples_of(batch)).index_add(0, batch["sample"], unsure.float())
        crops = len(batch["query"]) // samples_of(batch)
        absent = (any_target == 0).repeat_interleave(crops) & (batch["target"].sum(dim=[1, 2]) == 0)
        self._add("absent_hit", hit[absent].float().mean(dim=[1, 2]))
        density = torch.sigmoid(answer.maps[:, mini.PEAKS].float()) * mini.PEAK
        counted = batch["density_known"]
        truth = (batch["density"] * counted * mini.PEAK).sum(dim=[1, 2])
        self._add("wrong", ((density * counted).sum(dim=[1, 2]) - truth).abs())
        self._add("count", truth)
        same, taught = labels_of(batch)
        chosen = taught > 0
        self._add("same", same[chosen])
        self._add("alone", answer.alone[:, 0][chosen])
        distinct = chosen & (batch["relation"] != JUNK)
        self._add("same_distinct", same[distinct])
        self._add("alone_distinct", answer.alone[:, 0][distinct])
        held = torch.zeros(samples_of(batch)).index_add(
            0, batch["exemplar_sample"], torch.ones(len(batch["exemplar"]))
        )
        other = torch.ones(len(batch["frame"])).index_fill(0, batch["exemplar"], 0.0) > 0
        for name, least, most in (("few", 1, 3), ("many", 4, 99)):
            fit = (held >= least) & (held <= most)
            mine = distinct & fit[batch["sample"]] & other
            self._add("same_" + name, same[mine])
            self._add("alone_" + name, answer.alone[:, 0][mine])
            self._add("feedback_" + name, answer.feedback[:, 0][mine])
        lonely = chosen & (any_target == 0)[batch["sample"]]
        self._add("absent_kept", (answer.alone[:, 0][lonely] > 0).float())
        sure = batch["quality_known"] > 0
        quality = torch.sigmoid(answer.alone[:, 1])
        self._add("quality_error", (quality - batch["quality"]).abs()[sure])
        mask, truth = answer.outline > 0, batch["window_truth"] > 0
        within = batch["window_known"] > 0
        coarse = batch["window_coarse"] > 0.5
        for name, one in (("mask", mask), ("mask_before", coarse)):
            common = (one & truth & within).sum(dim=[1, 2, 3]).float()
            either = ((one | truth) & within).sum(dim=[1, 2, 3]).float()
            self._add(name + "_iou", common / either.clamp(min=1))

    def result(self) -> Dict[str, float]:
        """iou: of the targets' cells; count_error: of a crop, mean, over the mean count; auc: of
        candidates, same against all others (junk among them); distinct: against objects of other
        classes alone; few_alone, few, many_alone, many: the same where 1 to 3, or 4 and more
        exemplars of the query are at hand, without them and with them; absent_hit: part of the
        cells that are taken for targets where there are none, absent_kept: of candidates;
        quality_error; mask_before, mask: IoU of outlines given and refined. And counts.
        """
        v = {name: np.concatenate(parts) for name, parts in self._values.items()}

        def mean(name: str) -> float:
            return float(v[name].mean()) if len(v[name]) else float("nan")

        return {
            "iou": float(v["common"].sum() / max(v["either"].sum(), 1)),
            "count_error": float(v["wrong"].sum() / max(v["count"].sum(), 1e-6)),
            "auc": auc(v["alone"], v["same"] > 0),
            "distinct": auc(v["alone_distinct"], v["same_distinct"] > 0),
            "few_alone": auc(v["alone_few"], v["same_few"] > 0),
            "few": auc(v["feedback_few"], v["same_few"] > 0),
            "many_alone": auc(v["alone_many"], v["same_many"] > 0),
            "many": auc(v["feedback_many"], v["same_many"] > 0),
            "absent_hit": mean("absent_hit"),
            "absent_kept": mean("absent_kept"),
            "quality_error": mean("quality_error"),
            "mask_before": mean("mask_before_iou"),
            "mask": mean("mask_iou"),
            "frames": float(len(v["common"])),
            "candidates": float(len(v["same"])),
        }
