"""The CounTR definition is the published network; its archive runs as exported."""

from __future__ import annotations

import json
from typing import Dict

import golden
import pytest
import torch
from torch import Tensor

from persense_export.__main__ import main
from persense_export.archive import difference
from persense_export.networks.countr import Countr

TOLERANCE = 1e-4  # of an array's deviation: what float32 sums in another order may differ by


def small() -> Countr:
    """CounTR with one block each in encoder and decoder, every weight random."""
    torch.manual_seed(7)
    model = Countr(depth=1, decoder_depth=1).eval().requires_grad_(False)
    for tensor in model.parameters():
        if tensor.dim() == 1:
            tensor.add_(0.1 * torch.randn_like(tensor))
        elif tensor.dim() == 3:  # position embeddings, zero when made
            tensor.normal_()
    return model


@pytest.fixture(scope="module")
def inputs() -> Dict[str, Tensor]:
    random = torch.Generator().manual_seed(1)
    return {
        "image": torch.rand(2, 3, 384, 384, generator=random),
        "exemplars": torch.rand(1, 4, 3, 64, 64, generator=random),
    }


def check(name: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    assert difference(ours, theirs) < tolerance, f"{name}: {difference(ours, theirs):.2g}"


def test_countr_gives_the_golden_tokens_and_densities(golden_folder):
    folder = golden_folder("countr_model")
    case = golden.read_case(folder)
    model = Countr().eval().requires_grad_(False)
    model.load_state_dict(golden.formula_weights(case))
    image = 0.5 * golden.field(3, 384, 384, 0.05, 0.04, 0.3)[None] + 0.5
    crops = [golden.field(3, 64, 64, 0.1 + 0.05 * j, 0.07, 0.5 * j) for j in range(4)]
    exemplars = 0.5 * torch.stack(crops)[None] + 0.5

    tokens = model.encode(image)
    check("encoder", tokens[0, ::16, ::8], golden.load(folder / "encoder_tokens_stride.npy"))
    matched = model.decode(tokens, model.exemplar_tokens(exemplars))
    stored = golden.load(folder / "decoder_tokens_4shots_stride.npy")
    check("decoder, 4 shots", matched[0, ::16, ::8], stored)
    for output in case["outputs"]:
        shots = output["shots"]
        matched = model.decode(tokens, model.exemplar_tokens(exemplars[:, :shots]))
        density = model.regress(matched)[0, ::4, ::4]
        stored = golden.load(folder / f"density_shots{shots}_stride4.npy")
        check(f"density, {shots} shots", density, stored)


def test_countr_archive_gives_the_network_s_density_for_any_number_of_exemplars(
    save_checkpoint, tmp_path, inputs
):
    model = small()
    state = {f"module.{key}": value for key, value in model.state_dict().items()}
    checkpoint = save_checkpoint({"model": state, "epoch": 3})
    assert main(["countr", "--checkpoint", str(checkpoint), "-o", str(tmp_path)]) == 0
    extra = {"persense.json": ""}
    module = torch.jit.load(str(tmp_path / "dmg.pt"), _extra_files=extra)
    manifest = json.loads(extra["persense.json"])
    assert (manifest["stage"], manifest["name"]) == ("dmg", "countr")
    assert manifest["input"]["size"] == 384 and manifest["input"]["exemplar_size"] == 64
    assert manifest["output"]["scale"] == 60
    image = inputs["image"][:1]
    for shots in (0, 1, 4):
        exemplars = inputs["exemplars"][:, :shots]
        check(f"{shots} shots", module(image, exemplars), model(image, exemplars))
    assert module(image, exemplars).shape == (1, 384, 384)


def test_countr_takes_windows_together_as_it_takes_them_one_by_one(inputs):
    model, exemplars = small(), inputs["exemplars"]
    together = model(inputs["image"], exemplars)
    one_by_one = torch.cat([model(window[None], exemplars) for window in inputs["image"]])
    check("two windows", together, one_by_one)


def test_countr_without_exemplars_uses_the_learned_token(inputs):
    model, image = small(), inputs["image"][:1]
    none = model(image, inputs["exemplars"][:, :0])
    assert difference(none, model(image, inputs["exemplars"])) > 100 * TOLERANCE
    model.shot_token.add_(1)
    assert difference(none, model(image, inputs["exemplars"][:, :0])) > 100 * TOLERANCE


def test_countr_runs_in_bfloat16_near_its_float32_density(inputs):
    model, image, exemplars = small(), inputs["image"][:1], inputs["exemplars"]
    exact = model(image, exemplars)
    module = torch.jit.script(model).to(torch.bfloat16)
    density = module(image.bfloat16(), exemplars.bfloat16())
    assert density.dtype == torch.bfloat16
    # bfloat16 keeps 8 bits; through the layers the noise grows to a few parts in a hundred
    assert (density.float() - exact).pow(2).mean().sqrt() < 0.1 * exact.std()


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda s: s.pop("decode_head3.3.bias"), "keys missing (decode_head3.3.bias)"),
        (lambda s: s.update(extra=torch.zeros(1)), "1 unexpected (extra)"),
        (lambda s: s.update(pos_embed=torch.zeros(1, 4, 768)), "pos_embed has shape [1, 4, 768]"),
        (
            lambda s: s.update({"patch_embed.proj.weight": torch.zeros(384, 3, 16, 16)}),
            "patch_embed.proj.weight gives 384 channels, expected 768 or 1024",
        ),
    ],
    ids=["missing", "unexpected", "shape", "width"],
)
def test_countr_export_names_what_does_not_fit(
    save_checkpoint, tmp_path, capsys, change, complaint
):
    state = small().state_dict()
    change(state)
    checkpoint = save_checkpoint({"model": dict(state)})
    folder = tmp_path / "out"
    assert main(["countr", "--checkpoint", str(checkpoint), "-o", str(folder)]) == 1
    message = capsys.readouterr().err
    assert complaint in message and message.count("\n") == 1
    assert not (folder / "dmg.pt").exists()
