"""The SAM definition is the published network: golden vectors, and properties of the decoder."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, Optional, Tuple

import golden
import pytest
import torch
import torch.nn.functional as F
from helpers import open_archive
from torch import Tensor

from persense_export.__main__ import main
from persense_export.archive import difference
from persense_export.sam import architecture
from persense_export.networks.sam import PromptDecoder, Sam, sam_for

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

    def enlarge(self, low: Tensor) -> Tensor:
        """Logits [n, ...] at the original size, by the published post-processing."""
        high = F.interpolate(low[None], (self.size, self.size), mode="bilinear")
        high = high[..., : self.input_hw[0], : self.input_hw[1]]
        return F.interpolate(high, self.original_hw, mode="bilinear")[0]


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


def check(name: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    assert difference(ours, theirs) < tolerance, f"{name}: {difference(ours, theirs):.2g}"


def check_areas(logits: Tensor, expected: Any, tolerance: float = TOLERANCE) -> None:
    """Masks may differ by the pixels whose logit is within the tolerance of 0."""
    for own, area in zip(logits, expected):
        open_pixels = int((own.abs() <= tolerance * own.std()).sum())
        assert abs(int((own > 0).sum()) - area) <= open_pixels


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
        logits = case.enlarge(low[scores.argmax()][None])
        check_areas(logits, [prompt["mask_area"]])
        if (folder / f"p{number}_highres.npy").exists():
            stored = golden.load(folder / f"p{number}_highres.npy")
            check(f"prompt {number} enlarged logits", logits[0], stored)


def test_tiny_sam_places_the_grid_where_the_golden_positions_are(tiny_folder, tiny_state):
    grid = sam_of(tiny_state).prompt_encoder.pe_layer.grid(16, 16)
    check("positions", grid.t().reshape(64, 16, 16), golden.load(tiny_folder / "dense_pe.npy"))


# ---- ViT-B with weights by formula ---------------------------------------------------------------


# With these weights the decoder amplifies rounding. Prompt 3: the published code itself, run again
# on another machine, is 1.9e-4 from the golden array, and the network in float64 1.0e-4. Prompts 1
# and 2 continue with the mask of the prompt before: the published decoder turns 1e-6 of noise in it
# into 1e-4 and 3e-4, 6e-5 into 3e-3 and 2e-2; the float64 network is 1.1e-2 from prompt 2's golden
# array. The small SAM above is well conditioned and holds every such prompt to 1e-4.
CONTINUES = {1: 0, 2: 1}
TOLERANCES = {0: TOLERANCE, 1: 1e-3, 2: 3e-2, 3: 5e-4}


def test_vit_b_gives_the_golden_embedding_masks_and_scores(golden_folder):
    folder = golden_folder("sam_vit_b")
    story = golden.read_case(folder)
    sam = sam_of(golden.formula_weights(story))
    embedding = sam.image_encoder(1.2 * golden.field(3, 1024, 1024, 0.011, 0.013, 0.3)[None])
    check("embedding", embedding[0, ::8, ::2, ::2], golden.load(folder / "embedding_stride.npy"))
    case = Case(sam.decoder(), embedding, 1024, story["original_hw"])
    attn_sim = 0.5 * golden.field(1, 64, 64, 0.2, 0.15, 0.3).reshape(1, -1) + 0.5
    target = golden.field(1, 1, 256, 0.9, 0.1, 0.2).reshape(1, -1)
    for prompt in story["prompts"]:
        number = prompt["id"]
        low, scores = case.run(
            number,
            [prompt["point_xy"]],
            [prompt["label"]],
            prompt["box_xyxy"],
            CONTINUES.get(number),
            attn_sim if prompt["guided"] else None,
            target if prompt["guided"] else None,
        )
        tolerance = TOLERANCES[number]
        stored = golden.load(folder / f"p{number}_lowres_stride4.npy")
        check(f"prompt {number} logits", low[:, ::4, ::4], stored, tolerance)
        stored = golden.load(folder / f"p{number}_scores.npy")
        check(f"prompt {number} scores", scores, stored, tolerance)
        check_areas(case.enlarge(low), prompt["mask_areas"], tolerance)


# ---- the decoder's contract ----------------------------------------------------------------------


@pytest.fixture
def decoder(random_sam) -> PromptDecoder:
    return random_sam.decoder()


def prompts(n: int, points: int, size: int = 256) -> Tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    coords = torch.rand(n, points, 2, generator=generator) * size
    return coords, torch.randint(-1, 2, (n, points), generator=generator)


@pytest.mark.parametrize("kind", ["points", "box", "mask", "guided", "guided one by one"])
def test_many_prompts_in_one_call_give_what_each_gives_alone(decoder, kind):
    generator = torch.Generator().manual_seed(5)
    embedding = torch.randn(1, 64, 8, 8, generator=generator)
    coords, labels = prompts(5, 2)
    box = torch.rand(5, 4, generator=generator) * 256 if kind == "box" else None
    mask = torch.randn(5, 1, 32, 32, generator=generator) if kind == "mask" else None
    rows = {"guided": 1, "guided one by one": 5}.get(kind)
    attn_sim = torch.rand(rows, 64, generator=generator) if rows else None
    target = torch.randn(rows, 64, generator=generator) if rows else None
    low, quality = decoder(embedding, coords, labels, box, mask, attn_sim, target)
    assert low.shape == (5, 3, 32, 32) and quality.shape == (5, 3)

    def one(x: Optional[Tensor], index: int) -> Optional[Tensor]:
        return x if x is None or x.shape[0] == 1 else x[index : index + 1]

    for index in range(5):
        arguments = [one(x, index) for x in (coords, labels, box, mask, attn_sim, target)]
        alone, alone_quality = decoder(embedding, *arguments)
        check("logits", low[index : index + 1], alone)
        check("quality", quality[index : index + 1], alone_quality)


def test_a_point_labelled_as_none_is_the_padding_of_prompts_without_a_box(decoder):
    embedding = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(6))
    encode = decoder.prompt_encoder
    coords, labels = prompts(1, 1)
    labels[:] = 1
    tokens = encode(coords, labels, None)
    assert tokens.shape == (1, 2, 64)
    assert torch.equal(tokens[0, 1], encode.not_a_point_embed.weight[0])
    twice = torch.cat([coords, coords], 1)
    padded = encode(twice, torch.tensor([[1, -1]]), torch.rand(1, 4))
    assert torch.equal(padded[0, :2], tokens[0])  # and a box brings two tokens, but no padding
    assert padded.shape == (1, 4, 64)
    low, _ = decoder(embedding, torch.zeros(1, 0, 2), labels[:, :0], torch.rand(1, 4) * 256)
    assert bool(torch.isfinite(low).all())


def test_half_precision_networks_keep_positions_exact_to_the_pixel(decoder):
    coords = torch.tensor([[[1001.0, 700.0]]])
    locate = decoder.prompt_encoder.pe_layer
    exact = locate((coords + 0.5) / 1024)
    rough = decoder.bfloat16().prompt_encoder.pe_layer((coords + 0.5) / 1024)
    next_pixel = locate((coords + 1.5) / 1024)
    assert rough.dtype == torch.bfloat16
    # the matrix's own rounding (2**-9 of values to 3) turns a phase by less than 0.08
    assert (rough.float() - exact).abs().max() < 0.08
    assert (next_pixel - exact).abs().max() > 0


# ---- export --------------------------------------------------------------------------------------


def test_export_writes_two_archives_that_load_and_say_what_they_are(
    random_sam, save_checkpoint, tmp_path
):
    file = save_checkpoint(random_sam.state_dict())
    assert main(["sam", "--checkpoint", str(file), "-o", str(tmp_path / "models")]) == 0
    assert {f.name for f in (tmp_path / "models").iterdir()} == {"encoder.pt", "decoder.pt"}
    manifest, encoder = open_archive(tmp_path / "models" / "encoder.pt")
    assert (manifest["format"], manifest["stage"], manifest["dtype"]) == (1, "encoder", "fp32")
    assert manifest["input"]["size"] == 128 and manifest["output"]["channels"] == 64
    assert encoder(torch.zeros(1, 3, 128, 128)).shape == (1, 64, 8, 8)
    manifest, decoder = open_archive(tmp_path / "models" / "decoder.pt")
    assert (manifest["stage"], manifest["encoder"]) == ("decoder", manifest["name"])
    low, quality = decoder(torch.zeros(1, 64, 8, 8), *prompts(2, 1))
    assert low.shape == (2, 3, 32, 32) and quality.shape == (2, 3)


@pytest.mark.parametrize(
    "width, depth, name", [(768, 12, "vit_b"), (1024, 24, "vit_l"), (1280, 32, "vit_h")]
)
def test_the_published_encoders_are_told_apart_by_width_and_depth(width, depth, name):
    state = {f"image_encoder.blocks.{i}.norm1.weight": torch.zeros(0) for i in range(depth)}
    state["image_encoder.pos_embed"] = torch.zeros(1, 1, 1, width)
    assert architecture(state) == name


def test_export_refuses_another_encoder_than_asked_for(random_sam, save_checkpoint, capsys):
    file = save_checkpoint(random_sam.state_dict())
    arguments = ["sam", "--checkpoint", str(file), "-o", str(file.parent / "o"), "--arch", "vit_h"]
    assert main(arguments) == 1
    assert "not vit_h" in capsys.readouterr().err


def test_export_names_the_keys_that_do_not_fit(random_sam, save_checkpoint, capsys):
    state = random_sam.state_dict()
    state["extra"] = state.pop("mask_decoder.iou_token.weight")
    file = save_checkpoint(state)
    assert main(["sam", "--checkpoint", str(file), "-o", str(file.parent / "o")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(file) in error
    assert "1 of 174 keys missing (mask_decoder.iou_token.weight), 1 unexpected (extra)" in error
    assert not (file.parent / "o").exists()
