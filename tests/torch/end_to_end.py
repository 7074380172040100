#!/usr/bin/env python3
"""The method in plain Python on the eager networks, for end_to_end_test.cpp to compare with.

    end_to_end.py FOLDER

Makes a small SAM, a CounTR of one layer and a DSALVANet with weights by formula; exports them into
FOLDER; draws a support and a query image; segments the query with each density network as the
released code of PerSense does, one prompt at a time, detections being given; and writes every
intermediate beside the archives. Ends with 4 where a Python package is missing.

Written from the paper and from what the released code does. Of `persense` it takes the networks
and their export alone; the rest is PyTorch, OpenCV and Pillow.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import pathlib
import shutil
import sys
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

SKIPPED = 4  #: exit code, ctest's SKIP_RETURN_CODE

try:
    import cv2
    import numpy as np
    import torch
    import torch.nn.functional as F
    from PIL import Image
except ImportError as missing:
    print(f"SKIPPED: {sys.executable} has no {missing.name}")
    sys.exit(SKIPPED)

sys.path.insert(
    0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings" / "python" / "training")
)
from persense_export import countr as countr_export  # noqa: E402
from persense_export import dsalvanet as dsalvanet_export  # noqa: E402
from persense_export import sam as sam_export  # noqa: E402
from persense_export.archive import FORMATS, Archive, write_archives  # noqa: E402
from persense_export.checkpoints import Checkpoint, read_checkpoint  # noqa: E402
from persense_export.networks.countr import Countr  # noqa: E402
from persense_export.networks.dsalvanet import Dsalvanet  # noqa: E402
from persense_export.networks.sam import (
    DecoderConfig,
    EncoderConfig,
    ImageEncoder,
    Sam,
)  # noqa: E402

Array = np.ndarray
Tensor = torch.Tensor
Point = Tuple[int, int]  # x, y
Box = Tuple[int, int, int, int]  # first row, first column, last row, last column
Detection = Tuple[float, float, float, float, float]  # x0, y0, x1, y1, confidence

SIDE = 256  #: of SAM's input; the published one is 1024
GRID = SIDE // 16
FRAME = 192  #: of DSALVANet's input; the published one is 512, and takes seven times as long


# ---- networks ------------------------------------------------------------------------------------


def formula(shape: Sequence[int], seed: int) -> Tensor:
    """Numbers in -1 .. 1 by SplitMix64."""
    with np.errstate(over="ignore"):
        z = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(seed) * np.uint64(0xD1342543DE82EF95)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits = (z ^ (z >> np.uint64(31))) >> np.uint64(40)
    values = bits.astype(np.float64) / 2**23 - 1
    return torch.from_numpy(values.astype(np.float32).reshape(tuple(shape)))


def fill(network: torch.nn.Module, seed: int) -> Any:
    """Weights that keep what flows through a network of order 1, without a constant part."""
    for index, (name, tensor) in enumerate(network.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        noise = formula(tensor.shape, 1000 * seed + index)
        if name.endswith("running_var"):
            tensor.copy_(1 + 0.3 * noise)
        elif tensor.dim() >= 2:
            if tensor.dim() == 4:  # or else a constant would outgrow what differs in an image
                noise -= noise.mean((1, 2, 3), keepdim=True)
            tensor.copy_(noise * (3 / tensor[0].numel()) ** 0.5)
        elif name.endswith("weight"):
            tensor.copy_(1 + 0.2 * noise)
        else:
            tensor.copy_(0.1 * noise)
    return network.eval().requires_grad_(False)


def small_sam() -> Sam:
    encoder = EncoderConfig(
        grid=GRID, patch=16, width=64, heads=4, mlp_width=256, windows=(7, 0), channels=64
    )
    decoder = DecoderConfig(
        image_size=SIDE,
        channels=64,
        mask_channels=16,
        depth=2,
        mlp_width=128,
        narrow=32,
        quality_width=64,
        quality_depth=3,
    )
    sam = fill(Sam(ImageEncoder(encoder), decoder), 1)
    look_near_the_point(sam.state_dict())
    return sam


# Noise alone gives masks that do not care where a prompt is. What is added to a small SAM's noise
# makes them lie near their points, as a trained one's do. Half of the channels tell where a token
# is (16 of the 32 frequencies, sines and cosines), the others what it is; MARK is a point on the
# object. Image tokens look at prompt tokens through the first half, so the near ones see the mark,
# and change in the direction ANSWER, which one channel of the masks reads.
WHAT = torch.zeros(64)
WHAT[16:32] = WHAT[48:] = 1
MARK = formula((64,), 77).sign() * WHAT
ANSWER = formula((64,), 78).sign() / 8


def look_near_the_point(state: Dict[str, Tensor]) -> None:
    frequencies = state["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"]
    frequencies /= frequencies.std()
    state["image_encoder.neck.3.weight"] *= 0.3
    state["prompt_encoder.mask_downscaling.6.weight"] *= 0.5
    state["prompt_encoder.point_embeddings.1.weight"].copy_(3 * MARK[None])
    for token in ("mask_decoder.iou_token", "mask_decoder.mask_tokens"):
        state[f"{token}.weight"] *= 8 * WHAT
    state["prompt_encoder.not_a_point_embed.weight"] *= 8 * WHAT
    for layer in range(2):
        answer_near_the_mark(state, f"mask_decoder.transformer.layers.{layer}.", layer == 1)
    read_the_answer(state)


def answer_near_the_mark(state: Dict[str, Tensor], layer: str, last: bool) -> None:
    where = torch.zeros(32, 64)
    for i in range(16):
        where[2 * i, i] = where[2 * i + 1, 32 + i] = 2.5
    look = layer + "cross_attn_image_to_token."
    for projection in ("q_proj", "k_proj"):
        state[f"{look}{projection}.weight"].mul_(0.1).add_(where)
    state[look + "v_proj.weight"].mul_(0.1).add_(0.6 * MARK)
    state[look + "out_proj.weight"] *= 0.1
    state[layer + "norm3.weight"] *= 0.3
    for other in ("cross_attn_token_to_image.out_proj", "mlp.lin2"):
        state[f"{layer}{other}.weight"] *= 0.2
    own = layer + "self_attn."
    if last:
        state[look + "out_proj.weight"] += ANSWER[:, None] / 32
        state[look + "out_proj.bias"] -= 5.2 * ANSWER
        state[own + "out_proj.weight"] *= 0.2
        return
    state[layer + "norm4.weight"] *= 0.3
    for projection in ("q_proj", "k_proj"):  # the first layer keeps nothing but what it attends to
        state[f"{own}{projection}.weight"].copy_(2 * torch.eye(64))
    for projection in ("v_proj", "out_proj"):
        state[f"{own}{projection}.weight"].mul_(0.1).add_(torch.eye(64))


def read_the_answer(state: Dict[str, Tensor]) -> None:
    upscaling = "mask_decoder.output_upscaling."
    for stage in (0, 3):  # mostly the same for the four pixels that a cell becomes
        weight = state[f"{upscaling}{stage}.weight"]
        weight.copy_(0.2 * weight + 2 * weight.mean((2, 3), keepdim=True))
    state[upscaling + "0.weight"][:, 0] += 6 * ANSWER[:, None, None]
    state[upscaling + "3.weight"][0, 0] = 1
    state[upscaling + "3.weight"][:, 1] = 0  # a constant, to be subtracted
    state[upscaling + "3.bias"][1] = 2
    state["mask_decoder.iou_prediction_head.layers.2.bias"] += 0.6
    for mask in range(4):
        last = f"mask_decoder.output_hypernetworks_mlps.{mask}.layers.2."
        state[last + "weight"] *= 0.5
        state[last + "bias"][0] = 2 + 0.3 * mask
        state[last + "bias"][1] = -2


def small_countr() -> Countr:
    """CounTR whose response is 0 but for some blobs."""
    network = fill(Countr(768, 1, 12, 1), 4)
    state = network.state_dict()
    state["decode_head3.1.bias"].fill_(-1.8)  # and what is below 0 is cut off
    last = state["decode_head3.3.weight"]
    last.copy_(0.85 * last.abs())
    last[:, 12:] = 0
    state["decode_head3.3.bias"].zero_()
    return network


def dsalvanet_for(image: Array) -> Dsalvanet:
    """DSALVANet that sees what differs in an image; its response is 0 but for some blobs."""
    network = fill(Dsalvanet(), 6)
    state = network.state_dict()
    usual = network.backbone(dsalvanet_input(image)).mean((2, 3), keepdim=True)
    state["in_conv.bias"].zero_()
    state["in_conv.bias"] -= network.in_conv(usual).flatten()
    for block in range(4):  # noise would see nothing but the exemplars
        state[f"dsam_blocks.dsam_blocks.{block}.similarity_cal.out_conv.weight"] *= 0.01
    state["lvam.ln_mu.bias"].fill_(-1)
    last = "count_regressor.regressor.8."
    state[last + "weight"] *= 0.07
    state[last + "bias"].fill_(-0.09 * 0.07)
    return network


def checkpoint_of(network: torch.nn.Module, folder: pathlib.Path) -> Checkpoint:
    torch.save(network.state_dict(), folder / "checkpoint.pth")
    checkpoint = read_checkpoint(folder / "checkpoint.pth")
    (folder / "checkpoint.pth").unlink()
    return checkpoint


def export(
    folder: pathlib.Path,
    sam: Sam,
    countr: Countr,
    dsalvanet: Dsalvanet,
    formats: Sequence[str] = FORMATS[:1],
) -> None:
    """Archives of the networks, by the export that users run; its own comparison is cut short."""
    options = argparse.Namespace(arch=None)

    def hastened(archive: Archive) -> Archive:
        samples = list(archive.samples())
        return dataclasses.replace(archive, samples=lambda: samples[-1:])

    checkpoint = checkpoint_of(sam, folder)
    write_archives(sam_export.archives(checkpoint, options), checkpoint, folder, formats=formats)
    for network, exporter in ((countr, countr_export), (dsalvanet, dsalvanet_export)):
        checkpoint = checkpoint_of(network, folder)
        (archive,) = map(hastened, exporter.archives(checkpoint, options))
        if network is dsalvanet:
            archive.manifest["input"]["size"] = FRAME
        archive.file_name = f"{archive.manifest['name']}.pt"
        write_archives([archive], checkpoint, folder, formats=formats)


# ---- images ------------------------------------------------------------------------------------


@dataclasses.dataclass
class Scene:
    """Discs on the ground, from above."""

    image: Array  #: [h, w, 3] RGB
    discs: List[Tuple[int, int, int]]  #: x, y, radius

    def mask(self, index: int) -> Array:
        """[h, w], 0 or 255: the pixels of one disc."""
        mask = np.zeros(self.image.shape[:2], np.uint8)
        x, y, radius = self.discs[index]
        return cv2.circle(mask, (x, y), radius, 255, cv2.FILLED)


def draw(
    width: int, height: int, count: int, radii: Tuple[int, int], random: np.random.RandomState
) -> Scene:
    ground = np.array([60, 110, 70]) + random.normal(0, 9, (height, width, 3))
    image = np.clip(ground, 0, 255).astype(np.uint8)
    discs: List[Tuple[int, int, int]] = []
    while len(discs) < count:
        radius = int(random.randint(*radii))
        x = int(random.randint(radius, width - radius))
        y = int(random.randint(radius, height - radius))
        if any(math.hypot(x - a, y - b) < radius + r + 2 for a, b, r in discs):
            continue
        discs.append((x, y, radius))
        colour = [int(random.randint(a, b)) for a, b in ((190, 240), (110, 180), (20, 80))]
        cv2.circle(image, (x, y), radius, colour, cv2.FILLED)
        cv2.circle(image, (x - radius // 3, y - radius // 3), radius // 4, (250, 240, 220), -1)
    return Scene(image, discs)


def detections(scene: Scene, random: np.random.RandomState) -> Tuple[List[Detection], ...]:
    """Boxes of half the discs for the label, wide ones of most for the phrase; some are weak."""

    def boxes(discs: Sequence[Tuple[int, int, int]], reach: float) -> List[Detection]:
        found = []
        for x, y, radius in discs:
            shift = random.uniform(-3, 3, 4)
            sides = (x - reach * radius, y - reach * radius, x + reach * radius, y + reach * radius)
            box = [np.float32(side + move) for side, move in zip(sides, shift)]
            found.append((*map(float, box), float(np.float32(random.uniform(0.1, 0.9)))))
        return found

    width, height = scene.image.shape[1], scene.image.shape[0]
    beyond = (-12.25, height * 0.6, width * 0.55, height + 7.5, 0.2)  # a large one over the border
    half, most = scene.discs[: len(scene.discs) // 2], scene.discs[len(scene.discs) // 4 :]
    return boxes(half, 1), [*boxes(most[::-1], 1.5), beyond]


# ---- SAM, as notes on the released code have it --------------------------------------------------


def longest_side(image: Array) -> Array:
    """An 8-bit image, or mask of three channels, resized so that its longest side is SIDE."""
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = int(width * scale + 0.5), int(height * scale + 0.5)
    return np.asarray(Image.fromarray(image).resize(size, Image.BILINEAR))


def normalised(image: Array) -> Tensor:
    """[1, 3, SIDE, SIDE]: padded with zeros to the right and below."""
    mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    deviation = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    pixels = torch.from_numpy(longest_side(image).copy()).permute(2, 0, 1).float()
    x = (pixels - mean) / deviation
    return F.pad(x, [0, SIDE - x.shape[2], 0, SIDE - x.shape[1]])[None]


def bilinear(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x, (height, width), mode="bilinear", align_corners=False)


@dataclasses.dataclass
class Decoded:
    mask: Array  #: [h, w] bool
    low_res: Tensor  #: [1, 1, 4 GRID, 4 GRID]
    score: float
    margins: Tuple[float, float]  #: best score above the next; logit nearest to 0

    def box(self) -> Box:
        rows, columns = np.nonzero(self.mask)
        return int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max())


class Predictor:
    """SAM on the query, guided by the support object (PerSAM)."""

    def __init__(self, sam: Sam, query: Array, support: Array, mask: Array) -> None:
        self.decoder = sam.decoder()
        self.height, self.width = query.shape[:2]
        self.inner = longest_side(query).shape[:2]
        inside = normalised(np.repeat(mask[:, :, None], 3, 2))[:, :1]
        inside = bilinear(inside, GRID, GRID)[0, 0] > 0
        assert 3 <= int(inside.sum()) < GRID * GRID / 4, "the support object covers some cells"
        features = sam.image_encoder(normalised(support))[0]
        self.target = features[:, inside].mean(1)
        self.embedding = sam.image_encoder(normalised(query))
        self.similarity = self._similarity()
        self.attention = self._attention()

    def to_image(self, low_res: Tensor) -> Tensor:
        """Low-resolution maps at the query's size."""
        square = bilinear(low_res, SIDE, SIDE)[..., : self.inner[0], : self.inner[1]]
        return bilinear(square, self.height, self.width)

    def _similarity(self) -> Tensor:
        cells = self.embedding[0].flatten(1)
        unit = self.target / self.target.norm()
        map_ = (unit @ (cells / cells.norm(dim=0))).view(1, 1, GRID, GRID)
        return self.to_image(bilinear(map_, 4 * GRID, 4 * GRID))[0, 0]

    def _attention(self) -> Tensor:
        standard = (self.similarity - self.similarity.mean()) / self.similarity.std()
        return bilinear(standard[None, None], GRID, GRID).sigmoid().flatten(1)

    def predict(
        self,
        point: Point,
        guided: bool,
        box: Optional[Box] = None,
        before: Optional[Decoded] = None,
    ) -> Decoded:
        """One decode: the best of three masks."""
        across, down = self.inner[1] / self.width, self.inner[0] / self.height
        corners = None
        if box is not None:
            corners = [[box[1] * across, box[0] * down, box[3] * across, box[2] * down]]
            corners = torch.tensor(corners, dtype=torch.float64).float()
        low_res, scores = self.decoder(
            self.embedding,
            torch.tensor([[[point[0] * across, point[1] * down]]], dtype=torch.float64).float(),
            torch.ones(1, 1, dtype=torch.int64),
            corners,
            None if before is None else before.low_res,
            self.attention if guided else None,
            self.target[None] if guided else None,
        )
        best = int(scores[0].argmax())
        chosen = low_res[:, best : best + 1]
        logits = self.to_image(chosen)[0, 0]
        ranked = scores[0].sort(descending=True).values
        margins = float(ranked[0] - ranked[1]), float(logits.abs().min())
        return Decoded((logits > 0).numpy(), chosen, float(scores[0, best]), margins)

    def refined(self, point: Point) -> Decoded:
        """Two decodes: guided; then from its own logits."""
        return self.predict(point, False, before=self.predict(point, True))

    def exemplar(self, point: Point) -> Decoded:
        """Three decodes; the third, with the box of the second, gives the score alone."""
        second = self.refined(point)
        third = self.predict(point, False, box=second.box(), before=second)
        return dataclasses.replace(second, score=third.score)


# ---- density -------------------------------------------------------------------------------------


@dataclasses.dataclass
class Density:
    network_map: Array  #: objects per pixel, as the network sees the image
    at_image_size: Array
    count: float  #: what PPSM is given


def dsalvanet_input(image: Array) -> Tensor:
    pixels = cv2.resize(image, (FRAME, FRAME), interpolation=cv2.INTER_LINEAR)
    x = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((x - mean.view(3, 1, 1)) / deviation.view(3, 1, 1))[None]


def dsalvanet_density(network: Dsalvanet, image: Array, exemplars: Sequence[Box]) -> Density:
    height, width = image.shape[:2]
    scale = (FRAME / height, FRAME / width) * 2
    boxes = [[int(v * s) for v, s in zip(box, scale)] for box in exemplars]
    while len(boxes) < 3:
        boxes.append(boxes[len(boxes) - len(exemplars)])
    three = torch.tensor([boxes[:3]], dtype=torch.float32)
    map_ = network(dsalvanet_input(image), three)[0, 0].numpy()
    full = cv2.resize(map_, (width, height), interpolation=cv2.INTER_LINEAR)
    return Density(map_, full, float(math.ceil(np.float32(map_.sum(dtype=np.float32)))))


def countr_density(network: Countr, image: Array, exemplars: Sequence[Box]) -> Density:
    height, width = image.shape[:2]
    inner = 16 * int((width / height * 384) / 16)
    assert inner > 384, "an image of one window tests nothing of their overlap"
    resized = np.asarray(Image.fromarray(image).resize((inner, 384), Image.BILINEAR))
    x = torch.from_numpy(resized.copy()).permute(2, 0, 1).float()[None] / 255
    scale = (384 / height, inner / width) * 2
    rectangles = [[int(v * s) for v, s in zip(box, scale)] for box in exemplars]
    assert all(max(d - b, c - a) >= 10 for a, b, c, d in rectangles), "no tiny exemplar"
    crops = [
        F.interpolate(
            x[:, :, a : c + 1, b : d + 1],
            (64, 64),
            mode="bilinear",
            align_corners=False,
            antialias=True,  # as torchvision does it from 0.17 on
        )
        for a, b, c, d in rectangles
    ]
    shots = torch.stack(crops, 1)

    response, covered = torch.zeros(384, inner), 0
    starts = list(range(0, inner - 384, 128)) + [inner - 384]
    for start in starts:
        window = network(x[..., start : start + 384], shots)[0]
        overlap = max(0, covered - start)
        response[:, start : start + overlap] /= 2
        response[:, start : start + overlap] += window[:, :overlap] / 2
        response[:, start + overlap : start + 384] = window[:, overlap:]
        covered = start + 384

    count = float(response.sum()) / 60
    each = sum(float(response[a : c + 1, b : d + 1].sum()) / 60 for a, b, c, d in rectangles) / 3
    if each > 1.8:
        count /= each
    map_ = response.numpy() / 60
    full = cv2.resize(map_, (width, height), interpolation=cv2.INTER_LINEAR)
    return Density(map_, (full - full.min()) / (full.max() - full.min()), count)


# ---- IDM, PPSM, feedback -------------------------------------------------------------------------


def centroid(contour: Array) -> Point:
    m = cv2.moments(contour)
    return int(m["m10"] / (m["m00"] + 1e-15)), int(m["m01"] / (m["m00"] + 1e-15))


def idm(density: Array, threshold: int) -> List[Point]:
    """Candidate points: cores of composite contours, then all contours."""
    scaled = (density - density.min()) / (density.max() - density.min()) * 255
    gray = scaled.astype(np.uint8)
    _, binary = cv2.threshold(gray, threshold, 255, cv2.THRESH_BINARY)
    eroded = cv2.erode(binary, np.ones((3, 3), np.uint8), iterations=1)
    contours, _ = cv2.findContours(eroded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    areas = [cv2.contourArea(contour) for contour in contours]
    limit = np.mean(areas) + 2 * np.std(areas)
    points = []
    for contour, area in zip(contours, areas):
        if area > limit:
            filled = cv2.drawContours(np.zeros_like(gray), [contour], -1, 255, cv2.FILLED)
            distance = cv2.distanceTransform(filled, cv2.DIST_L2, 3)
            cores = (distance > 0.5 * distance.max()).astype(np.uint8)
            children, _ = cv2.findContours(cores, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            points += [centroid(child) for child in children]
    return points + [centroid(contour) for contour in contours]


def ppsm_threshold(similarity: Array, count: float) -> float:
    divisor = np.float32(2) if count == 1 else np.float32(count) / np.sqrt(np.float32(2))
    return float(similarity.max() / divisor)


def ppsm(
    points: Sequence[Point], similarity: Array, count: float, boxes: Sequence[Detection]
) -> List[Point]:
    """The points that are similar enough and in a box."""
    limit = ppsm_threshold(similarity, count)
    return [
        (x, y)
        for x, y in points
        if similarity[y, x] >= limit
        and any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1, _ in boxes)
    ]


def feedback(file: pathlib.Path, header: Decoded, masks: Sequence[Decoded]) -> List[Box]:
    """The next exemplars, by way of the released code's text file."""

    def line(decoded: Decoded) -> str:
        return " ".join(map(str, decoded.box())) + f" {np.float32(decoded.score)} "

    file.write_text("\n".join(map(line, [header, *masks])))  # no line end after the last
    with file.open() as lines:
        first, *rest = lines.readlines()
    rest.sort(key=lambda text: float(text.split()[4]), reverse=True)
    with file.open("w") as lines:
        lines.writelines([first, *rest])
    with file.open() as lines:
        read = [tuple(map(int, text.split()[:4])) for text in lines]
    return read[:4]


# ---- the loop ------------------------------------------------------------------------------------


@dataclasses.dataclass
class Pass:
    exemplars: List[Box]
    density: Density
    candidates: List[Point]
    prompts: List[Point]
    masks: List[Decoded]


@dataclasses.dataclass
class Method:
    """A density network with what the released code sets for it."""

    name: str
    density: Callable[[Array, Sequence[Box]], Density]
    threshold: int  #: of IDM

    def run_pass(
        self,
        scene: Scene,
        predictor: Predictor,
        boxes: Sequence[Detection],
        exemplars: Sequence[Box],
        last: bool,
    ) -> Pass:
        density = self.density(scene.image, exemplars)
        candidates = idm(density.at_image_size, self.threshold)
        prompts = ppsm(candidates, predictor.similarity.numpy(), density.count, boxes)
        if last and not prompts:
            prompts = candidates
        decode = (lambda p: predictor.predict(p, False)) if last else predictor.refined
        return Pass(list(exemplars), density, candidates, prompts, [decode(p) for p in prompts])


def prior(boxes: Sequence[Detection]) -> Point:
    """The centre of the most confident box."""
    x0, y0, x1, y1 = (int(v) for v in max(boxes, key=lambda box: box[4])[:4])
    return (x0 + x1) // 2, (y0 + y1) // 2


def confident(boxes: Sequence[Detection]) -> List[Detection]:
    return [box for box in boxes if box[4] > 0.15]


# ---- files ---------------------------------------------------------------------------------------


def drift(made: Pass, similarity: Array, threshold: int) -> str:
    """Why rounding could give another answer in this pass; empty if it could not.

    Another order of summation moves SAM's outputs by about 1e-6, and a density map of these
    networks by 1e-5 of its range.
    """
    noise = np.random.RandomState(1)
    density = made.density.at_image_size
    for _ in range(5):
        moved = density + 2e-5 * density.max() * noise.uniform(-1, 1, density.shape)
        if idm(moved.astype(np.float32), threshold) != made.candidates:
            return "a candidate point depends on rounding"
    limit = ppsm_threshold(similarity, made.density.count)
    if any(abs(similarity[y, x] - limit) < 1e-5 for x, y in made.candidates):
        return "a candidate is as similar as PPSM asks for"
    if any(decoded.margins[0] < 1e-4 for decoded in made.masks):
        return "two masks of a prompt are equally good"
    if any(decoded.margins[1] < 5e-6 for decoded in made.masks):
        return "a logit is 0"
    scores = sorted({decoded.score for decoded in made.masks})
    if any(b - a < 1e-5 for a, b in zip(scores, scores[1:])):
        return "two prompts' masks are equally good"
    return ""


def write_pass(folder: pathlib.Path, made: Pass) -> Dict[str, Any]:
    """Arrays into files, and the rest as it stands in expected.json."""
    folder.mkdir(parents=True)
    np.save(folder / "density.npy", made.density.network_map)
    np.save(folder / "masks.npy", np.stack([d.mask for d in made.masks]).astype(np.uint8))
    return {
        "exemplars": made.exemplars,
        "count": made.density.count,
        "candidates": made.candidates,
        "prompts": made.prompts,
        "scores": [decoded.score for decoded in made.masks],
    }


def run(
    method: Method,
    scene: Scene,
    predictor: Predictor,
    boxes: Sequence[Detection],
    header: Decoded,
    folder: pathlib.Path,
) -> Dict[str, Any]:
    """Both passes with one density network."""
    first = method.run_pass(scene, predictor, boxes, [header.box()], last=False)
    exemplars = feedback(folder / f"{method.name}.txt", header, first.masks)
    second = method.run_pass(scene, predictor, boxes, exemplars, last=True)
    passes = []
    for index, made in enumerate((first, second)):
        why = drift(made, predictor.similarity.numpy(), method.threshold)
        assert not why, f"{method.name}, pass {index}: {why}; draw another scene"
        passes.append(write_pass(folder / method.name / str(index), made))
        areas = [int(decoded.mask.sum()) for decoded in made.masks]
        print(
            f"{method.name}, pass {index}: {len(made.exemplars)} exemplars, count "
            f"{made.density.count:.3f}, {len(made.candidates)} candidates, {len(made.prompts)} "
            f"prompts, masks of {min(areas)} to {max(areas)} pixels"
        )
    return {"threshold": method.threshold, "passes": passes}


def main(folder: pathlib.Path) -> None:
    """Make networks and images, segment, write."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    torch.set_num_threads(os.cpu_count() or 1)  # a distribution's PyTorch may start with one
    random = np.random.RandomState(0)
    support = draw(300, 240, 4, (30, 40), random)
    query = draw(400, 320, 24, (11, 18), random)
    label, phrase = map(confident, detections(query, random))

    sam, countr, dsalvanet = small_sam(), small_countr(), dsalvanet_for(query.image)
    export(folder, sam, countr, dsalvanet)
    predictor = Predictor(sam, query.image, support.image, support.mask(0))
    point = prior(label)
    header = predictor.exemplar(point)
    methods = (
        Method("countr", lambda image, boxes: countr_density(countr, image, boxes), 20),
        Method("dsalvanet", lambda image, boxes: dsalvanet_density(dsalvanet, image, boxes), 30),
    )
    expected = {
        "label": label,
        "phrase": phrase,
        "location_prior": point,
        "exemplar": {"box": header.box(), "score": header.score},
        "methods": {m.name: run(m, query, predictor, phrase, header, folder) for m in methods},
    }
    for name, array in (
        ("support", support.image),
        ("support_mask", support.mask(0)),
        ("query", query.image),
        ("embedding", predictor.embedding.numpy()),
        ("target", predictor.target.numpy()),
        ("similarity", predictor.similarity.numpy()),
        ("attention", predictor.attention.numpy()),
        ("exemplar_mask", header.mask.astype(np.uint8)),
    ):
        np.save(folder / f"{name}.npy", array)
    (folder / "expected.json").write_text(json.dumps(expected))  # last: the mark of a complete run


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with torch.no_grad():
        main(pathlib.Path(sys.argv[1]))
