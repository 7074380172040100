"""The small network's archive runs as exported."""

from __future__ import annotations

import zipfile

import pytest
import torch
from helpers import open_archive, randomise

from persense.export.__main__ import main, parser
from persense.export.archive import difference
from persense.networks.mini import LOOK, LOOKS, PROTOTYPE, Mini

# Of an output's deviation. Rounding to half moves a weight by up to 2**-11 of itself; layer by
# layer these add up, to 4e-3 at most on the pictures below.
HALF_TOLERANCE = 1e-2
TOLERANCE = 1e-4  # of an output's deviation: what float32 sums in another order may differ by


@pytest.fixture
def network() -> Mini:
    """The network with every weight random."""
    return randomise(Mini())


@pytest.fixture
def exported(network, save_checkpoint, tmp_path):
    """The manifest and the float32 module of its archive."""
    checkpoint = save_checkpoint(network.state_dict())
    assert main(["mini", "--checkpoint", str(checkpoint), "-o", str(tmp_path)]) == 0
    manifest, module = open_archive(tmp_path / "mini.pt")
    assert all(p.dtype == torch.float16 for p in module.parameters())
    return manifest, module.float()


def picture(rows: int, columns: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, rows, columns, generator=torch.Generator().manual_seed(rows))


def disc() -> torch.Tensor:
    axis = torch.arange(64.0) - 31
    return (torch.hypot(axis[:, None], axis[None]) < 12).float()[None, None]


def check(name: str, got: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    assert expected.std() > 0, name
    assert difference(got, expected) < tolerance, f"{name}: {difference(got, expected):.2g}"


def test_mini_manifest_says_what_the_weights_are(exported):
    manifest, _ = exported
    assert len(manifest.pop("sha256_weights")) == 64
    assert manifest == {
        "format": 1,
        "stage": "all",
        "name": "mini",
        "dtype": "fp16",
        "upstream": "persense: trained on rendered scenes alone, Apache-2.0",
    }


def test_mini_archive_gives_what_the_network_gives_in_every_method(network, exported):
    _, module = exported
    query, patch, mask = picture(96, 160), picture(64, 64), disc()
    features = network.trunk(query)
    for name, got, expected in zip(("f1", "f2", "f3", "look"), module.trunk(query), features):
        check(name, got, expected, HALF_TOLERANCE)
    on_patch = network.trunk(patch)
    prototype = network.pool(*on_patch, mask)
    check("pool", module.pool(*on_patch, mask), prototype, TOLERANCE)  # has no weights
    steering = network.steering(prototype)
    maps = network.maps(*features[:3], steering)
    assert prototype.shape == (1, PROTOTYPE) and features[3].shape[1] == LOOK
    assert maps.shape == (1, 5, 48, 80)  # a cell spans two pixels
    for i, (got, expected) in enumerate(zip(module.steering(prototype), steering)):
        check(f"steering {i}", got, expected, HALF_TOLERANCE)
    check("maps", module.maps(*features[:3], steering), maps, HALF_TOLERANCE)
    looks = torch.rand(2, 9, LOOKS, generator=torch.Generator().manual_seed(1))
    check("compare", module.compare(*looks), network.compare(*looks), HALF_TOLERANCE)
    expected = {"maps": maps, "look": features[3], "prototype": prototype}
    for got, name in zip(module(query, patch, mask), expected):
        check(f"forward: {name}", got, expected[name], HALF_TOLERANCE)


def test_mini_archive_holds_no_code_that_libtorch_1_13_cannot_read(exported, tmp_path):
    """F.interpolate's own source does not compile there when it comes from a newer PyTorch."""
    with zipfile.ZipFile(tmp_path / "mini.pt") as parts:
        code = b"".join(parts.read(n) for n in parts.namelist() if n.startswith("mini/code/"))
    assert b"torch.upsample_bilinear2d(" in code
    assert b"def interpolate(" not in code


def test_mini_is_always_stored_in_half(capsys):
    assert parser().parse_args(["mini", "--checkpoint", "x", "-o", "y"]).half
    with pytest.raises(SystemExit):
        parser().parse_args(["mini", "--checkpoint", "x", "-o", "y", "--half"])
    assert "unrecognized arguments: --half" in capsys.readouterr().err


def test_mini_export_names_what_does_not_fit(network, save_checkpoint, tmp_path, capsys):
    state = dict(network.state_dict())
    del state["compare3.bias"]
    checkpoint = save_checkpoint(state)
    folder = tmp_path / "out"
    assert main(["mini", "--checkpoint", str(checkpoint), "-o", str(folder)]) == 1
    message = capsys.readouterr().err
    assert "not a mini checkpoint" in message and "keys missing (compare3.bias)" in message
    assert message.count("\n") == 1
    assert not (folder / "mini.pt").exists()


def test_mini_export_averages_the_ends_of_a_run(save_checkpoint, tmp_path):
    states = [randomise(Mini(), seed).state_dict() for seed in (1, 2, 3)]
    files = [str(save_checkpoint(state, f"{i}.pth")) for i, state in enumerate(states)]
    command = ["mini", "--checkpoint", files[0], "--average", *files[1:], "-o", str(tmp_path)]
    assert main(command) == 0
    manifest, module = open_archive(tmp_path / "mini.pt")
    for key, weight in module.named_parameters():
        mean = torch.stack([state[key] for state in states]).mean(dim=0)
        # rounded to half once (2**-11 of itself) after a sum in float32
        torch.testing.assert_close(weight.float(), mean, rtol=2**-10, atol=1e-6)
    alone = tmp_path / "alone"
    assert main(["mini", "--checkpoint", files[0], "-o", str(alone)]) == 0
    assert manifest["sha256_weights"] != open_archive(alone / "mini.pt")[0]["sha256_weights"]


def test_mini_export_names_the_weights_that_cannot_be_averaged(
    network, save_checkpoint, tmp_path, capsys
):
    good = save_checkpoint(network.state_dict())
    bad, folder = tmp_path / "missing.pt", tmp_path / "out"
    command = ["mini", "--checkpoint", str(good), "--average", str(bad), "-o", str(folder)]
    assert main(command) == 1
    message = capsys.readouterr().err
    assert str(bad) in message and message.count("\n") == 1
    assert not (folder / "mini.pt").exists()
