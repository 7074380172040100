"""The small network: its parts, and its archive as exported."""

from __future__ import annotations

import json

import pytest
import torch
from helpers import open_archive, randomise

from persense_export import mini as exporter
from persense_export.__main__ import main
from persense_export.archive import difference
from persense_export.networks import mini
from persense_export.networks.mini import Mini

TOLERANCE = 1e-4  # of an output's deviation: what float32 sums in another order may differ by


@pytest.fixture(scope="module")
def network() -> Mini:
    """The network with every weight random."""
    return randomise(Mini())


def rand(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def box(x: float, y: float, side: float, cosine: float = 1, sine: float = 0) -> torch.Tensor:
    return torch.tensor([[x, y, side, cosine, sine]])


def test_mini_archive_has_what_the_library_calls(network, save_checkpoint, tmp_path):
    checkpoint = save_checkpoint(network.state_dict())
    assert main(["mini", "--checkpoint", str(checkpoint), "-o", str(tmp_path)]) == 0
    file = tmp_path / "mini.pt"
    assert file.stat().st_size < 14 * 2**20
    manifest, module = open_archive(file)
    assert len(manifest.pop("sha256_weights")) == 64
    assert manifest == {
        "format": 1,
        "stage": "all",
        "name": "mini",
        "dtype": "fp16",
        "upstream": exporter.UPSTREAM,
        "band": [14, 28],
        "overlap": 0.2,
        "offset_unit": 12,
        "patch": 64,
        "crop": 32,
        "window": 48,
        "multiple": 16,
    }
    module = module.float()
    for name in ("trunk", "pool", "conditioning", "maps", "sample", "evidence", "embed", "decide"):
        assert hasattr(module, name)
    assert hasattr(module, "refine")


def test_mini_archive_carries_a_calibration(network, save_checkpoint, tmp_path, capsys):
    checkpoint = save_checkpoint(network.state_dict())
    file = tmp_path / "calibration.json"
    command = ["mini", "--checkpoint", str(checkpoint), "-o", str(tmp_path)]
    command += ["--calibration", str(file)]
    held = {"same": 0.45, "scores": [[0, 0], [0.5, 0.7], [1, 1]]}
    file.write_text(json.dumps(held))
    assert main(command) == 0
    assert open_archive(tmp_path / "mini.pt")[0]["calibration"] == held
    for text in ("{", "[1]", '{"sane": 0.45}'):
        file.write_text(text)
        assert main(command) == 1
        assert str(file) in capsys.readouterr().err


def test_mini_maps_do_not_depend_on_what_else_is_in_the_batch(network):
    features = network.trunk(rand(2, 3, 64, 96))
    conditioning = network.conditioning(rand(2, mini.PROTOTYPE))
    both = network.maps(*features, conditioning)
    alone = network.maps(*[f[1:] for f in features], [c[1:] for c in conditioning])
    assert both.shape == (2, mini.MAPS, 32, 48)
    assert difference(both[1:], alone) < TOLERANCE


def test_mini_sample_is_where_the_box_is(network):
    # features that say where they are, in pixels of the level
    def ramp(stride: int, channels: int) -> torch.Tensor:
        steps = (torch.arange(96 // stride) + 0.5) * stride - 0.5
        x, y = steps[None].expand(len(steps), -1), steps[:, None].expand(-1, len(steps))
        planes = torch.stack([x, y] + [0 * x] * (channels - 2))
        return torch.stack([torch.zeros_like(planes), planes])

    features = [ramp(2, 32), ramp(4, 64), ramp(8, 128)]
    owner = torch.tensor([1])
    upright = network.sample(*features, owner, box(40, 50, 32))
    assert upright.shape == (1, mini.FEATURES, 8, 8)
    steps = 32 * ((torch.arange(8) + 0.5) / 8 - 0.5)
    for first in (0, 32, 96):
        assert torch.allclose(upright[0, first], (40 + steps).expand(8, 8), atol=1e-3)
        assert torch.allclose(upright[0, first + 1], (50 + steps)[:, None].expand(8, 8), atol=1e-3)
    turned = network.sample(*features, owner, box(40, 50, 32, 0, 1))
    assert torch.allclose(turned[0, 0], (40 - steps)[:, None].expand(8, 8), atol=1e-3)
    other = network.sample(*features, torch.tensor([0]), box(40, 50, 32))
    assert (other == 0).all()


def test_mini_evidence_is_the_mean_inside_the_mask(network):
    maps = torch.zeros(1, mini.MAPS, 48, 48)
    maps[:, :, :, 24:] = 2.0  # x of 48 and more
    mask = torch.zeros(1, 1, 32, 32)
    mask[:, :, :, 16:] = 1  # the right half of the box
    found = network.evidence(maps, torch.tensor([0]), box(48, 40, 32), mask)
    assert found.shape == (1, mini.MAPS)
    assert torch.allclose(found, torch.full_like(found, 2), atol=0.2)
    left = network.evidence(maps, torch.tensor([0]), box(48, 40, 32), 1 - mask)
    assert left.abs().max() < 0.2


def decided(network: Mini, order: torch.Tensor, exemplars: torch.Tensor) -> torch.Tensor:
    of, sizes = rand(1, 6, mini.EMBEDDING), 4 * rand(1, 6)
    evidence, valid = rand(1, 6, mini.MAPS), torch.tensor([[True] * 5 + [False]])
    given, their = rand(1, 4, mini.EMBEDDING, seed=2), 4 * rand(1, 4, seed=2)
    there = torch.tensor([[True] * 3 + [False]])
    return network.decide(
        of[:, order],
        sizes[:, order],
        evidence[:, order],
        valid[:, order],
        given[:, exemplars],
        their[:, exemplars],
        there[:, exemplars],
    )


def test_mini_decide_knows_no_order_and_no_padding(network):
    plain = decided(network, torch.arange(6), torch.arange(4))
    order, others = torch.tensor([3, 1, 5, 0, 4, 2]), torch.tensor([2, 3, 0, 1])
    assert difference(decided(network, order, others), plain[:, order]) < TOLERANCE
    short = decided(network, torch.arange(5), torch.arange(3))
    assert difference(short, plain[:, :5]) < TOLERANCE


def test_mini_refine_begins_with_the_coarse_mask():
    net = Mini()
    coarse = (rand(3, 1, 48, 48) < 0.5).float()
    with torch.no_grad():
        net.outline[2].weight.zero_()
        net.outline[2].bias.zero_()
        refined = net.refine(
            rand(3, 3, 48, 48),
            coarse,
            rand(3, mini.MAPS, 24, 24),
            rand(3, 32, 24, 24),
            torch.full((3, 2), 24.0),
        )
    assert ((refined > 0) == (coarse > 0)).all()
