"""The GroundingDINO definition is the published network; its archive runs as exported."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import sys
from typing import Any, Callable, Dict, List, Tuple

import pytest
import torch
import torch.nn.functional as F
from helpers import open_archive, randomise
from torch import Tensor

from persense_export import grounding_dino as exporter
from persense_export.__main__ import main
from persense_export.archive import difference
from persense_export.checkpoints import Checkpoint
from persense_export.networks.grounding_dino import (
    PADDING_LOGIT,
    BertConfig,
    Config,
    DeformableAttention,
    FusionAttention,
    GroundingDino,
    SwinConfig,
    config_of,
)

TOLERANCE = 1e-4  # of an array's deviation: what float32 sums in another order may differ by
SMALL = Config(
    swin=SwinConfig(width=16, depths=(2, 2, 2, 2), heads=(1, 2, 4, 8), window=3),
    bert=BertConfig(vocabulary=1100, width=64, depth=2, mlp_width=96, positions=64, types=2),
    width=64,
    levels=4,
    queries=30,
    encoder_depth=2,
    encoder_points=4,
    encoder_mlp_width=128,
    text_mlp_width=64,
    fusion_width=64,
    decoder_depth=2,
    decoder_points=4,
    decoder_mlp_width=96,
)
SWIN_B = SwinConfig(width=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=12)
ONE = [101, 7, 1012, 102]
TWO = [101, 9, 5, 1012, 11, 8, 1029, 102]


@pytest.fixture(scope="module")
def model() -> GroundingDino:
    return randomise(GroundingDino(SMALL))


@pytest.fixture(scope="module")
def scripted(model) -> Any:
    return torch.jit.script(model)


def image(height: int, width: int) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(height))


def published_state(model: GroundingDino) -> Dict[str, Tensor]:
    """The state dict as the authors' code saves it: copies, and what evaluation does not read."""
    state: Dict[str, Tensor] = {}
    for key, value in model.state_dict().items():
        head = "transformer.decoder.bbox_embed."
        if key.startswith(head):
            for layer in range(SMALL.decoder_depth):
                state[f"bbox_embed.{layer}.{key[len(head) :]}"] = value
                state[f"{head}{layer}.{key[len(head) :]}"] = value
        else:
            state[key] = value
        if key.endswith("relative_position_bias_table"):
            state[key.replace("bias_table", "index")] = torch.zeros(9, 9, dtype=torch.int64)
    state["label_enc.weight"] = torch.zeros(5, 64)
    state["bert.pooler.dense.weight"] = torch.zeros(64, 64)
    state["bert.embeddings.position_ids"] = torch.zeros(1, 64, dtype=torch.int64)
    return state


@pytest.fixture
def vocabulary(tmp_path) -> pathlib.Path:
    """A vocabulary of the small network's size, with BERT's ids where they are needed."""
    tokens = [f"word{number}" for number in range(SMALL.bert.vocabulary)]
    for number, token in {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]"}.items():
        tokens[number] = token
    tokens[1012], tokens[1029] = ".", "?"
    file = tmp_path / "words.txt"
    file.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    return file


@pytest.fixture
def export(save_checkpoint, tmp_path, vocabulary) -> Callable[..., int]:
    """Give a function: state dict -> the exit code of the command line; it writes to out/."""

    def run(state: Dict[str, Tensor]) -> int:
        file = save_checkpoint({"model": {f"module.{key}": v for key, v in state.items()}})
        return main(
            ["grounding_dino", "--checkpoint", str(file), "-o", str(tmp_path / "out")]
            + ["--vocabulary", str(vocabulary)]
        )

    return run


# ---- the network ---------------------------------------------------------------------------------


def with_transformers() -> None:
    transformers = pytest.importorskip("transformers", reason="compares with transformers")
    if not transformers.utils.is_torch_available():
        pytest.skip(f"transformers {transformers.__version__} wants another PyTorch than this one")


def test_network_gives_the_logits_and_boxes_of_transformers(model):
    with_transformers()
    assert exporter.reference_difference(randomise(GroundingDino(SMALL)), SMALL) < 1e-6


def test_network_takes_a_padded_caption_as_transformers_does(model):
    with_transformers()
    network = randomise(GroundingDino(SMALL))
    theirs = exporter.reference(network, SMALL).double()
    inputs = (image(160, 192).double(), *exporter.text_inputs([ONE, TWO]))
    assert exporter.compare_outputs(network.double(), theirs, inputs) < 1e-6
    logits, _ = network(*inputs)
    assert bool((logits[0, :, 4:] == PADDING_LOGIT).all())


@pytest.mark.parametrize("height, width", [(160, 224), (97, 181), (133, 96), (301, 111)])
def test_script_gives_what_the_network_gives_for_images_of_any_size(model, scripted, height, width):
    for captions in ([ONE], [ONE, TWO]):
        arguments = (image(height, width), *exporter.text_inputs(captions))
        logits, boxes = scripted(*arguments)
        expected_logits, expected_boxes = model(*arguments)
        assert logits.shape == (len(captions), 30, max(map(len, captions)))
        assert boxes.shape == (len(captions), 30, 4)
        real = arguments[4][:, None, :].expand_as(logits)
        assert difference(logits[real], expected_logits[real]) < TOLERANCE
        assert difference(boxes, expected_boxes) < TOLERANCE
        assert bool(((boxes >= 0) & (boxes <= 1)).all())


def test_two_captions_over_one_image_give_what_each_gives_alone():
    network = randomise(GroundingDino(SMALL)).double()  # so that no near tie changes the order
    picture = image(160, 200).double()
    together, boxes = network(picture, *exporter.text_inputs([ONE, TWO]))
    for row, caption in enumerate([ONE, TWO]):
        logits, alone = network(picture, *exporter.text_inputs([caption]))
        assert difference(together[row, :, : len(caption)], logits[0]) < 1e-9
        assert difference(boxes[row], alone[0]) < 1e-9


def test_the_backbone_runs_once_for_any_number_of_captions(model):
    calls: List[int] = []
    hook = model.backbone[0].register_forward_hook(lambda *_: calls.append(1))
    model(image(128, 128), *exporter.text_inputs([ONE, TWO, ONE]))
    hook.remove()
    assert len(calls) == 1


def test_an_image_of_fewer_cells_than_queries_gives_a_box_a_cell(model):
    logits, boxes = model(image(32, 32), *exporter.text_inputs([ONE]))
    assert boxes.shape == (1, 4 * 4 + 2 * 2 + 1 + 1, 4) and logits.shape == (1, 22, 4)
    assert bool(torch.isfinite(boxes).all()) and bool(torch.isfinite(logits).all())


def test_half_precision_network_gives_float32_near_the_exact_boxes(model):
    inputs = exporter.text_inputs([ONE])
    exact = model(image(160, 160), *inputs)
    half = torch.jit.script(randomise(GroundingDino(SMALL)).bfloat16())
    logits, boxes = half(image(160, 160).bfloat16(), *inputs)
    assert logits.dtype == boxes.dtype == torch.float32
    # another order of cells gives other queries, so only what all of them say is alike
    assert (logits.mean() - exact[0].mean()).abs() < 0.2 * exact[0].std()
    assert (boxes.mean((0, 1)) - exact[1].mean((0, 1))).abs().max() < 0.1


def sampled_by_grid(
    attention: DeformableAttention, query: Tensor, anchor: Tensor, memory: Tensor, shapes: Any
) -> Tensor:
    """Deformable attention as its paper has it: bilinear samples of every level, weighted."""
    batch, queries, width = query.shape
    heads, levels, points = attention.heads, attention.levels, attention.points
    shape = (batch, queries, heads, levels, points)
    weights = attention.attention_weights(query).view(batch, queries, heads, -1).softmax(-1)
    offsets = attention.sampling_offsets(query).view(*shape, 2)
    anchor = anchor[:, :, None, None, None]
    if anchor.shape[-1] == 2:
        unit = 1 / torch.tensor([[w, h] for h, w in shapes], dtype=query.dtype)[:, None]
    else:
        unit = anchor[..., 2:] / 2 / points
    grid = 2 * (anchor[..., :2] + offsets * unit) - 1
    samples, first = [], 0
    for level, (h, w) in enumerate(shapes):
        values = attention.value_proj(memory[:, first : first + h * w])
        values = values.transpose(1, 2).reshape(batch * heads, -1, h, w)
        places = grid[:, :, :, level].transpose(1, 2).flatten(0, 1)
        samples.append(F.grid_sample(values, places, align_corners=False))
        first += h * w
    stacked = torch.cat(samples, -1).view(batch, heads, -1, queries, levels * points)
    mixed = (stacked * weights.transpose(1, 2)[:, :, None]).sum(-1)  # [B, heads, C / heads, Q]
    return attention.output_proj(mixed.flatten(1, 2).transpose(1, 2))


@pytest.mark.parametrize("coordinates", [2, 4])
def test_deformable_attention_is_bilinear_sampling_of_every_level(coordinates):
    attention = randomise(DeformableAttention(SMALL, 3)).double()
    attention.chunk = 7  # so that 20 queries are three pieces
    shapes = [[9, 5], [4, 7], [2, 2], [1, 3]]
    random = torch.Generator().manual_seed(8)
    query = 3 * torch.randn(2, 20, 64, generator=random).double()
    memory = torch.randn(2, 9 * 5 + 4 * 7 + 4 + 3, 64, generator=random).double()
    anchor = torch.rand(2, 20, coordinates, generator=random).double() * 1.2 - 0.1
    expected = sampled_by_grid(attention, query, anchor, memory, shapes)
    assert difference(attention(query, anchor, memory, shapes), expected) < 1e-9


def test_fusion_attention_is_two_softmaxes_of_one_product():
    attention = randomise(FusionAttention(64, 96, 4)).double()
    random = torch.Generator().manual_seed(9)
    picture = torch.randn(2, 50, 64, generator=random).double()
    text = torch.randn(2, 6, 64, generator=random).double()
    token_mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])

    def heads(x: Tensor) -> Tensor:
        return x.view(2, -1, 4, 24).transpose(1, 2)

    weights = heads(attention.v_proj(picture)) @ heads(attention.l_proj(text)).transpose(2, 3)
    weights = weights / 24**0.5
    to_text = weights.transpose(2, 3).softmax(-1) @ heads(attention.values_v_proj(picture))
    hidden = ~token_mask[:, None, None, :]
    to_image = weights.masked_fill(hidden, -float("inf")).softmax(-1)
    to_image = to_image @ heads(attention.values_l_proj(text))
    expected = (
        attention.out_v_proj(to_image.transpose(1, 2).flatten(2)),
        attention.out_l_proj(to_text.transpose(1, 2).flatten(2)),
    )
    for ours, theirs in zip(attention(picture, text, token_mask), expected):
        assert difference(ours, theirs) < 1e-9


def test_export_refuses_a_network_that_is_not_transformers(
    model, export, tmp_path, capsys, monkeypatch
):
    with_transformers()
    theirs = exporter.reference(randomise(GroundingDino(SMALL), seed=1), SMALL)
    monkeypatch.setattr(exporter, "reference", lambda *_: theirs)
    capsys.readouterr()  # the bars of transformers
    assert export(published_state(model)) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "differs from that of transformers" in error
    assert not (tmp_path / "out").exists()


# ---- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("swin", [SMALL.swin, SWIN_B], ids=["small", "swin_b"])
def test_keys_of_the_authors_and_of_transformers_are_renamed_both_ways(swin):
    config = dataclasses.replace(SMALL, swin=swin)
    network = GroundingDino(config)
    own = network.state_dict()
    theirs = exporter.transformers_state(own, config.decoder_depth)
    assert not set(theirs) & set(own)  # so nothing was left under its old name
    for state in (theirs, published_state(network)):
        named = exporter.canonical(Checkpoint(pathlib.Path("x"), state, ""))
        assert set(named.state) == set(own)
        assert all(torch.equal(named.state[key], own[key]) for key in own)
        assert config_of(named.state) == config


def test_published_backbones_are_told_apart_by_width_depths_and_window():
    assert exporter.backbone_name(SWIN_B) == "swin_b"
    assert exporter.backbone_name(SwinConfig(96, (2, 2, 6, 2), (3, 6, 12, 24), 7)) == "swin_t"
    assert exporter.backbone_name(SMALL.swin) == "swin"


# ---- export --------------------------------------------------------------------------------------


def test_export_writes_an_archive_with_its_vocabulary(model, export, vocabulary, tmp_path, capsys):
    assert export(published_state(model)) == 0
    capsys.readouterr()
    manifest, archive = open_archive(tmp_path / "out" / "detector.pt")
    assert (manifest["format"], manifest["stage"]) == (1, "detector")
    assert manifest["name"] == "grounding_dino_swin" and manifest["output"] == {"queries": 30}
    assert (manifest["input"]["short_side"], manifest["input"]["long_side"]) == (800, 1333)
    assert manifest["text"] == {"vocabulary": "vocab.txt", "lower_case": True, "max_tokens": 256}
    extra = {"vocab.txt": ""}
    torch.jit.load(str(tmp_path / "out" / "detector.pt"), _extra_files=extra)
    written = extra["vocab.txt"]
    written = written.decode() if isinstance(written, bytes) else written
    assert written == vocabulary.read_text(encoding="utf-8")
    arguments = (image(128, 160), *exporter.text_inputs([TWO]))
    for ours, theirs in zip(archive(*arguments), model(*arguments)):
        assert difference(ours, theirs) < TOLERANCE


def test_export_reads_a_folder_of_transformers(model, vocabulary, tmp_path, capsys):
    with_transformers()
    folder = tmp_path / "grounding-dino-small"
    exporter.reference(model, SMALL).save_pretrained(folder)
    tokens = vocabulary.read_text(encoding="utf-8").split()
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens))
    arguments = ["grounding_dino", "--checkpoint", str(folder), "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "differs from the network of transformers" in capsys.readouterr().out
    _, archive = open_archive(tmp_path / "out" / "detector.pt")
    inputs = (image(128, 160), *exporter.text_inputs([ONE]))
    assert difference(archive(*inputs)[1], model(*inputs)[1]) < TOLERANCE


CHANGES: List[Tuple[str, Callable[[Dict[str, Tensor]], Any], str]] = [
    ("missing", lambda s: s.pop("feat_map.bias"), "keys missing (feat_map.bias)"),
    ("unexpected", lambda s: s.update(more=torch.zeros(1)), "1 unexpected (more)"),
    (
        "shape",
        lambda s: s.update({"feat_map.weight": torch.zeros(64, 63)}),
        "feat_map.weight has shape [64, 63], expected [64, 64]",
    ),
    (
        "other network",
        lambda s: [s.pop(key) for key in list(s) if key.startswith("transformer.")],
        "not a GroundingDINO checkpoint: no 'transformer.level_embed'",
    ),
    (
        "heads of the layers differ",
        lambda s: s.update({"bbox_embed.1.layers.0.bias": torch.zeros(64)}),
        "differs from another layer's",
    ),
]


@pytest.mark.parametrize("change, complaint", [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_export_names_what_does_not_fit(model, export, tmp_path, capsys, change, complaint):
    state = published_state(model)
    change(state)
    assert export(state) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and complaint in error
    assert not (tmp_path / "out").exists()


def test_export_refuses_a_truncated_checkpoint_and_a_folder_without_one(tmp_path, capsys):
    whole = tmp_path / "whole.pth"
    torch.save({"model": {"feat_map.bias": torch.zeros(64)}}, whole)
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole.read_bytes()[:-100])
    for file, complaint in ((cut, "or damaged"), (tmp_path, "a folder without model.safetensors")):
        arguments = ["grounding_dino", "--checkpoint", str(file), "-o", str(tmp_path / "out")]
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and str(file) in error and complaint in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda t: t.replace("word3\n", ""), "has 1099 tokens, expected 1100"),
        (lambda t: t.replace("word3\n", "word4\n"), "has 1 tokens twice"),
        (lambda t: t.replace("[SEP]", "</s>"), "has no token [SEP]"),
    ],
    ids=["short", "twice", "no [SEP]"],
)
def test_export_refuses_another_vocabulary(
    model, export, vocabulary, tmp_path, capsys, change, complaint
):
    vocabulary.write_text(change(vocabulary.read_text(encoding="utf-8")), encoding="utf-8")
    assert export(published_state(model)) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(vocabulary) in error and complaint in error
    assert not (tmp_path / "out").exists()


def test_export_asks_for_the_vocabulary_where_none_is_beside_the_checkpoint(
    model, save_checkpoint, tmp_path, capsys
):
    file = save_checkpoint(published_state(model))
    out = tmp_path / "out"
    assert main(["grounding_dino", "--checkpoint", str(file), "-o", str(out)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--vocabulary" in error and not out.exists()


# ---- the example ---------------------------------------------------------------------------------


def test_10_grounding_dino_prints_a_line_for_each_confident_query(model, export, tmp_path, capsys):
    pytest.importorskip("tokenizers", reason="the example splits its caption with tokenizers")
    pil = pytest.importorskip("PIL.Image", reason="the example reads its image with Pillow")
    assert export(published_state(model)) == 0
    picture = tmp_path / "picture.png"
    pil.new("RGB", (300, 100), (200, 120, 40)).save(picture)
    example = pathlib.Path(__file__).resolve().parents[4] / "examples" / "10_grounding_dino.py"
    archive = tmp_path / "out" / "detector.pt"
    command = [sys.executable, str(example), str(archive), str(picture), "word7. word9 word5?"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    pixels = torch.tensor([200.0, 120.0, 40.0]) - torch.tensor(exporter.PIXEL_MEAN)
    pixels = (pixels / torch.tensor(exporter.PIXEL_DEVIATION)).view(1, 3, 1, 1)
    inputs = exporter.text_inputs([[101, 7, 1012, 9, 5, 1029, 1012, 102]])
    logits, _ = model(pixels.expand(1, 3, 444, 1332).contiguous(), *inputs)
    confident = logits[0].sigmoid().amax(1)
    confident = confident[confident > 0.35]
    assert 0 < len(lines) and abs(len(lines) - len(confident)) <= 1  # one may be at the threshold
    pattern = r"(\[CLS\]|word7|word9 word5|): \d\.\d\d at (-?\d+ ?){4}"
    assert all(re.fullmatch(pattern, line) for line in lines), lines
