"""The SAM definition is the published network: golden vectors, and properties of the decoder."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, Optional, Tuple

import golden
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from persense.export.archive import difference
from persense.networks.sam import PromptDecoder, Sam, sam_for

TOLERANCE = 1e-4  # of an array's deviation: what float32 sums in another order may differ by


def sam_of(state: Dict[str, Tensor]) -> Sam:
    sam = sam_for(state).eval()
    sam.load_state_dict(state)
    return sam.requires_grad_(False)


class Case:
    """One image of a suite, and its prompts run in order: each may continue an earlier one."""

    def __init__(self, decoder: PromptDecoder, embedding: Tensor, size: int, original_hw) -> None:
        self.decoder, self.embedding, self.size = decoder, embedding, size
        self.original_hw = tuple(original_hw)
        scale = size / max(original_hw)
        self.input_hw = tuple(int(side * scale + 0.5) for side in original_hw)
        self.best: Dict[int, Tensor] = {}  # prompt -> low-res logits of the mask with best quality

    def to_input(self, xy: Any) -> Tensor:
        ratio = [self.input_hw[1] / self.original_hw[1], self.input_hw[0] / self.original_hw[0]]
        points = torch.tensor(xy, dtype=torch.float64).reshape(1, -1, 2)
        return (points * torch.tensor(ratio, dtype=torch.float64)).float()

    def run(
        self,
        number: int,
        point: Any,
        label: Any,
        box: Any = None,
        continues: Optional[int] = None,
        attn_sim: Optional[Tensor] = None,
        target: Optional[Tensor] = None,
        single: bool = False,
    ) -> Tuple[Tensor, Tensor]:
        """Low-res logits [3 or 1, ...] and scores of one prompt given in original pixels."""
        coords = self.to_input(point) if point else torch.zeros(1, 0, 2)
        labels = torch.tensor([label or []], dtype=torch.int64)
        low, scores = self.decoder.decode(
            self.embedding,
            coords,
            labels,
            None if box is None else self.to_input(box).reshape(1, 4),
            None if continues is None else self.best[continues],
            attn_sim,
            target,
            0 if single else 1,
        )
        low, scores = (low[:, :1], scores[:, :1]) if single else (low, scores)
        self.best[number] = low[:, scores[0].argmax()][:, None]
        return low[0], scores[0]

    def mask(self, low: Tensor) -> Tensor:
        """Masks of the original size, by the published post-processing."""
        high = F.interpolate(low[None], (self.size, self.size), mode="bilinear")
        high = high[..., : self.input_hw[0], : self.input_hw[1]]
        return (F.interpolate(high, self.original_hw, mode="bilinear") > 0)[0]


# ---- 256-pixel SAM with stored weights -----------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_folder(golden_folder) -> pathlib.Path:
    return golden_folder("sam_tiny")


@pytest.fixture(scope="module")
def tiny_state(tiny_folder) -> Dict[str, Tensor]:
    files = (tiny_folder / "weights").glob("*.npy")
    return {file.name[: -len(".npy")]: golden.load(file) for file in files}


def preprocess(image: Tensor, size: int) -> Tensor:
    """[h, w, 3] uint8 to the encoder's input [1, 3, size, size]."""
    pil = pytest.importorskip("PIL.Image", reason="the published resize is Pillow's")
    numpy = pytest.importorskip("numpy")
    scale = size / max(image.shape[:2])
    h, w = (int(side * scale + 0.5) for side in image.shape[:2])
    resized = pil.fromarray(image.numpy()).resize((w, h), pil.BILINEAR)
    x = torch.from_numpy(numpy.array(resized)).permute(2, 0, 1).float()
    x = x - torch.tensor([123.675, 116.28, 103.53])[:, None, None]
    x = x / torch.tensor([58.395, 57.12, 57.375])[:, None, None]
    return F.pad(x, (0, size - w, 0, size - h))[None]


def check(name: str, ours: Tensor, theirs: Tensor) -> None:
    assert difference(ours, theirs) < TOLERANCE, f"{name}: {difference(ours, theirs):.2g}"


@pytest.mark.parametrize("scripted", [False, True], ids=["eager", "scripted"])
@pytest.mark.parametrize("image", ["image0", "image1"])
def test_tiny_sam_gives_the_golden_embedding_masks_and_scores(
    tiny_folder, tiny_state, image, scripted
):
    sam = sam_of(tiny_state)
    encoder, decoder = sam.image_encoder, sam.decoder()
    if scripted:
        encoder, decoder = torch.jit.script(encoder), torch.jit.script(decoder)
    folder = tiny_folder / image
    story = golden.read_case(folder)
    embedding = encoder(preprocess(golden.load(folder / "image_rgb.npy"), 256))
    check("embedding", embedding[0], golden.load(folder / "embedding.npy"))
    case = Case(decoder, embedding, 256, story["original_hw"])
    attn_sim = golden.load(folder / "attn_sim.npy")[None]
    target = golden.load(folder / "target_embedding.npy")[None]
    assert len(story["prompts"]) == 9
    for prompt in story["prompts"]:
        number = prompt["id"]
        low, scores = case.run(
            number,
            prompt.get("point"),
            prompt.get("label"),
            prompt.get("box"),
            prompt.get("use_prev"),
            attn_sim if prompt["attn_sim"] else None,
            target if prompt["target_embedding"] else None,
            not prompt["multimask"],
        )
        check(f"prompt {number} logits", low, golden.load(folder / f"p{number}_lowres.npy"))
        theirs = golden.load(folder / f"p{number}_scores.npy")
        # a single score has no deviation; the logits' head gives values of about 0.1 to 1
        assert (scores - theirs).abs().max() < TOLERANCE * 0.1
        mask = case.mask(low[scores.argmax()][None])
        # a pixel on the rim may flip where the interpolated logit is within rounding of 0
        assert abs(int(mask.sum()) - prompt["mask_area"]) <= 1
        if (folder / f"p{number}_mask.npy").exists():
            stored = golden.load(folder / f"p{number}_mask.npy") > 0
            assert int((mask[0] != stored).sum()) <= 1


def test_tiny_sam_places_the_grid_where_the_golden_positions_are(tiny_folder, tiny_state):
    grid = sam_of(tiny_state).prompt_encoder.pe_layer.grid(16, 16)
    check("positions", grid.t().reshape(64, 16, 16), golden.load(tiny_folder / "dense_pe.npy"))


# ---- ViT-B with weights by formula ---------------------------------------------------------------


def test_vit_b_gives_the_golden_embedding_masks_and_scores(golden_folder):
    folder = golden_folder("sam_vit_b")
    story = golden.read_case(folder)
    sam = sam_of(golden.formula_weights(story))
    embedding = sam.image_encoder(1.2 * golden.field(3, 1024, 1024, 0.011, 0.013, 0.3)[None])
    check("embedding", embedding[0, ::8, ::2, ::2], golden.load(folder / "embedding_stride.npy"))
    case = Case(sam.decoder(), embedding, 1024, story["original_hw"])
    attn_sim = 0.5 * golden.field(1, 64, 64, 0.2, 0.15, 0.3).reshape(1, -1) + 0.5
    target = golden.field(1, 1, 256, 0.9, 0.1, 0.2).reshape(1, -1)
    continues = {1: 0, 2: 1}
    for prompt in story["prompts"]:
        number = prompt["id"]
        low, scores = case.run(
            number,
            [prompt["point_xy"]],
            [prompt["label"]],
            prompt["box_xyxy"],
            continues.get(number),
            attn_sim if prompt["guided"] else None,
            target if prompt["guided"] else None,
        )
        stored = golden.load(folder / f"p{number}_lowres_stride4.npy")
        check(f"prompt {number} logits", low[:, ::4, ::4], stored)
        check(f"prompt {number} scores", scores, golden.load(folder / f"p{number}_scores.npy"))
        areas = case.mask(low).flatten(1).sum(1)
        expected = torch.tensor(prompt["mask_areas"])
        # of 700 000 pixels; those flip whose interpolated logit is within rounding of 0
        assert (areas - expected).abs().max() <= 20
