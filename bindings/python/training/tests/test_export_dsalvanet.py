"""The DSALVANet definition is the published network; its archive runs as exported."""

from __future__ import annotations

import json
from typing import Dict

import golden
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from persense_export.__main__ import main
from persense_export.archive import difference
from persense_export.networks.dsalvanet import Dsalvanet, SimilarityBlocks
from persense_export.networks.resize import resize_bilinear

TOLERANCE = 1e-4  # of an array's deviation: what float32 sums in another order may differ by


@pytest.fixture(scope="module")
def model() -> Dsalvanet:
    """DSALVANet with every weight random."""
    torch.manual_seed(5)
    model = Dsalvanet().eval().requires_grad_(False)
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.dim() == 1:
            tensor.add_(0.1 * torch.randn_like(tensor))
    # a few cells of offset, and a density that is above 0 and varies
    for block in model.dsam_blocks.dsam_blocks:
        block.similarity_cal.mdm_d1.conv_offset.weight.mul_(3)
    model.count_regressor.regressor[8].weight.mul_(10)
    model.count_regressor.regressor[8].bias.fill_(1.5)
    return model


def published_state(model: Dsalvanet) -> Dict[str, Tensor]:
    """The state dict as the authors' code saves it: backbone twice, with parts never read."""
    state = dict(model.state_dict())
    state["backbone.resnet.layer4.0.conv1.weight"] = torch.zeros(512, 1024, 1, 1)
    state["backbone.resnet.fc.bias"] = torch.zeros(1000)
    for key, value in list(state.items()):
        other = key.replace("backbone.resnet.conv1.", "backbone.layer0.0.")
        other = other.replace("backbone.resnet.bn1.", "backbone.layer0.1.")
        other = other.replace("backbone.resnet.layer", "backbone.layer")
        state[other] = value
    state["backbone.resnet.bn1.num_batches_tracked"] = torch.tensor(9)
    return state


def check(name: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    assert difference(ours, theirs) < tolerance, f"{name}: {difference(ours, theirs):.2g}"


def test_dsalvanet_gives_the_golden_features_latents_and_densities(golden_folder):
    folder = golden_folder("dsalvanet_model")
    case = golden.read_case(folder)
    unused = ("backbone.resnet.layer4.", "backbone.resnet.fc.")
    state = golden.formula_weights(case)
    model = Dsalvanet().eval().requires_grad_(False)
    model.load_state_dict({k: v for k, v in state.items() if not k.startswith(unused)})
    first = {}
    model.dsam_blocks.dsam_blocks[0].register_forward_hook(
        lambda _module, _inputs, output: first.update(features=output)
    )
    image = 1.5 * golden.field(3, 512, 512, 0.05, 0.04, 0.3)[None]
    boxes = torch.tensor(case["boxes_yxyx"])[None]

    features = model.in_conv(model.backbone(image))
    matched = model.dsam_blocks(features, boxes)
    hidden = model.lvam.hidden(matched)
    mean, log_variance = model.lvam.mean(hidden), model.lvam.log_variance(hidden)
    maps = {
        "in": features,
        "dsam0": first["features"],
        "dsam": matched,
        "mu": mean,
        "logvar": log_variance,
    }
    for name, ours in maps.items():
        stored = golden.load(folder / f"{name}_stride.npy")
        check(name, ours[0, ::16, ::8, ::8], stored)

    noise = golden.field(1, 256, 16384, 0.37, 0.21, 0.9).reshape(mean.shape)
    sampled = mean + torch.exp(log_variance / 2) * noise  # as in training
    for name, latent in (("eval", mean), ("train", sampled)):
        density = model.count_regressor(latent)
        stored = golden.load(folder / f"density_{name}_stride4.npy")
        check(f"density_{name}", density[0, 0, ::4, ::4], stored)
        # a float32 sum of 262 144 values near 1 is good to some parts in a million
        assert float(density.double().sum()) == pytest.approx(case[f"sum_{name}"], rel=1e-5)


def test_dsalvanet_archive_of_the_published_state_gives_the_network_s_density(
    model, save_checkpoint, tmp_path
):
    checkpoint = save_checkpoint({"state_dict": published_state(model)})
    assert main(["dsalvanet", "--checkpoint", str(checkpoint), "-o", str(tmp_path)]) == 0
    extra = {"persense.json": ""}
    module = torch.jit.load(str(tmp_path / "dmg.pt"), _extra_files=extra)
    manifest = json.loads(extra["persense.json"])
    assert (manifest["stage"], manifest["name"]) == ("dmg", "dsalvanet")
    assert manifest["input"]["size"] == 512 and manifest["output"]["scale"] == 1
    image = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    boxes = torch.tensor([[[4.0, 6.0, 40.0, 30.0], [60.0, 70.0, 127.0, 127.0]]])
    density = module(image, boxes)
    assert density.shape == (1, 1, 128, 128) and density.std() > 0
    check("density", density, model(image, boxes))


def test_dsalvanet_compares_the_first_three_boxes_and_repeats_them_when_there_are_fewer():
    blocks = SimilarityBlocks()
    boxes = torch.tensor([[[0.0, 0, 8, 8], [8, 4, 40, 60], [20, 20, 30, 30], [1, 1, 2, 2]]])
    a, b, c, _ = ([0, 0, 3, 3], [2, 1, 11, 16], [5, 5, 9, 9], [0, 0, 2, 2])
    assert blocks.windows(boxes[:, :1], 128, 128) == [a, a, a]
    assert blocks.windows(boxes[:, :2], 128, 128) == [a, b, a]
    assert blocks.windows(boxes, 128, 128) == [a, b, c]


@pytest.mark.parametrize(
    "box, window",
    [
        ([-9, -1, 3, 3], [0, 0, 2, 2]),
        ([500, 500, 512, 600], [125, 125, 128, 128]),
        ([512, 520, 530, 540], [127, 127, 128, 128]),
        ([40, 40, 20, 40], [10, 10, 11, 11]),
    ],
    ids=["before the origin", "over the far edge", "outside", "upside down"],
)
def test_dsalvanet_window_of_any_box_holds_a_cell(box, window):
    boxes = torch.tensor([[box]], dtype=torch.float32)
    assert SimilarityBlocks().windows(boxes, 128, 128) == [window] * 3


def test_dsalvanet_runs_in_bfloat16_near_its_float32_density(model):
    image = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    boxes = torch.tensor([[[4.0, 6.0, 40.0, 30.0], [60.0, 70.0, 127.0, 127.0]]])
    exact = model(image, boxes)
    module = torch.jit.script(model)
    try:
        density = module.to(torch.bfloat16)(image.bfloat16(), boxes)
    finally:
        module.float()  # shares its tensors with the fixture's network, rounded from here on
    assert density.dtype == torch.bfloat16
    # bfloat16 keeps 8 bits; through the layers the noise grows to a few parts in a hundred
    assert (density.float() - exact).pow(2).mean().sqrt() < 0.1 * exact.std()


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda s: s.pop("lvam.mu.bias"), "keys missing (lvam.mu.bias)"),
        (lambda s: s.update(extra=torch.zeros(1)), "1 unexpected (extra)"),
        (
            lambda s: s.update({"backbone.layer0.1.bias": torch.ones(64)}),
            "backbone.layer0.1.bias differs from its other copy, backbone.resnet.bn1.bias",
        ),
    ],
    ids=["missing", "unexpected", "copies differ"],
)
def test_dsalvanet_export_names_what_does_not_fit(
    model, save_checkpoint, tmp_path, capsys, change, complaint
):
    state = published_state(model)
    change(state)
    checkpoint = save_checkpoint(state)
    folder = tmp_path / "out"
    assert main(["dsalvanet", "--checkpoint", str(checkpoint), "-o", str(folder)]) == 1
    message = capsys.readouterr().err
    assert complaint in message and message.count("\n") == 1
    assert not (folder / "dmg.pt").exists()


@pytest.mark.parametrize("align_corners", [False, True])
def test_resize_bilinear_is_interpolate(align_corners):
    x = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    theirs = F.interpolate(x, (10, 21), mode="bilinear", align_corners=align_corners)
    for resize in (resize_bilinear, torch.jit.script(resize_bilinear)):
        assert torch.equal(resize(x, 10, 21, align_corners), theirs)
