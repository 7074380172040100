"""The MobileSAM definition and its export."""

from __future__ import annotations

import pytest
import torch
from helpers import open_archive, randomise

from persense_export.__main__ import main
from persense_export.archive import difference
from persense_export.networks.sam import DecoderConfig, Sam
from persense_export.networks.tiny_vit import BiasedAttention, TinyVit


@pytest.fixture(scope="module")
def mobile_sam() -> Sam:
    decoder = DecoderConfig(1024, 256, 16, 2, 2048, 128, 256, 3)
    return randomise(Sam(TinyVit(), decoder))


def test_state_dict_has_the_published_keys_and_size(mobile_sam):
    state = mobile_sam.image_encoder.state_dict()
    for key, shape in {
        "patch_embed.seq.0.c.weight": (32, 3, 3, 3),
        "patch_embed.seq.2.bn.running_mean": (64,),
        "layers.0.blocks.1.conv2.c.weight": (256, 1, 3, 3),
        "layers.0.downsample.conv3.bn.weight": (128,),
        "layers.1.blocks.0.attn.attention_biases": (4, 49),
        "layers.2.blocks.5.attn.qkv.weight": (480, 160),
        "layers.2.downsample.conv2.c.weight": (320, 1, 3, 3),
        "layers.3.blocks.1.mlp.fc1.weight": (1280, 320),
        "neck.0.weight": (256, 320, 1, 1),
    }.items():
        assert tuple(state[key].shape) == shape
    parameters = sum(p.numel() for p in mobile_sam.parameters())
    # the checkpoint's 10.13 million less the classifier's norm and head
    assert parameters == 10_130_092 - (2 * 320 + 320 * 1000 + 1000)


def test_encoder_takes_any_multiple_of_16_and_has_stride_16(mobile_sam):
    scripted = torch.jit.script(mobile_sam.image_encoder)
    for h, w in ((64, 64), (112, 80)):
        image = torch.randn(1, 3, h, w, generator=torch.Generator().manual_seed(1))
        embedding = scripted(image)
        assert embedding.shape == (1, 256, h // 16, w // 16)
        assert difference(embedding, mobile_sam.image_encoder(image)) < 1e-5


def test_attention_biases_depend_on_vertical_and_horizontal_distance():
    attention = BiasedAttention(width=4, heads=1, side=3)
    attention.attention_biases.data = torch.arange(9.0)[None]
    biases = attention._biases()[0]
    assert biases[0].tolist() == list(range(9))  # from the first cell: row by row
    assert biases[4].tolist() == [4, 3, 4, 1, 0, 1, 4, 3, 4]  # from the middle one
    assert torch.equal(biases, biases.t())


def test_export_ignores_the_classifiers_head(mobile_sam, save_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("persense_export.mobile_sam.IMAGE_SIZE", 128)  # for a quick comparison
    state = dict(mobile_sam.state_dict())
    state["image_encoder.head.weight"] = torch.zeros(1000, 320)
    state["image_encoder.norm_head.bias"] = torch.zeros(320)
    file = save_checkpoint(state)
    assert main(["mobile_sam", "--checkpoint", str(file), "-o", str(tmp_path / "models")]) == 0
    manifest, encoder = open_archive(tmp_path / "models" / "encoder.pt")
    assert manifest["name"] == "mobile_sam" and "MobileSAM" in manifest["upstream"]
    assert encoder(torch.zeros(1, 3, 128, 128)).shape == (1, 256, 8, 8)


def test_export_sends_checkpoints_to_the_exporter_they_belong_to(
    mobile_sam, random_sam, save_checkpoint, capsys
):
    mobile = save_checkpoint(mobile_sam.state_dict(), "mobile.pt")
    vit = save_checkpoint(random_sam.state_dict(), "vit.pth")
    folder = str(mobile.parent / "models")
    assert main(["sam", "--checkpoint", str(mobile), "-o", folder]) == 1
    assert "export it with mobile_sam" in capsys.readouterr().err
    assert main(["mobile_sam", "--checkpoint", str(vit), "-o", folder]) == 1
    assert "export it with sam" in capsys.readouterr().err
