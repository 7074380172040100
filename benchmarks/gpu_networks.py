"""Networks of the published sizes, or tiny ones, with random weights; their archives; SAM's published predictor."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import pathlib
import sys
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np
import torch

TRAINING = pathlib.Path(__file__).resolve().parents[1] / "bindings" / "python" / "training"
sys.path[:0] = [str(TRAINING), str(TRAINING / "tests")]  # the exporter, and its random weights
from helpers import randomise  # noqa: E402
from persense_export import countr, dsalvanet, grounding_dino, mobile_sam  # noqa: E402
from persense_export import sam as sam_export  # noqa: E402
from persense_export.archive import Archive, write_archives  # noqa: E402
from persense_export.checkpoints import Checkpoint  # noqa: E402
from persense_export.networks.countr import Countr  # noqa: E402
from persense_export.networks.dsalvanet import Dsalvanet  # noqa: E402
from persense_export.networks.grounding_dino import (  # noqa: E402
    BertConfig,
    Config,
    GroundingDino,
    SwinConfig,
)
from persense_export.networks.sam import (  # noqa: E402
    DecoderConfig,
    EncoderConfig,
    ImageEncoder,
    Sam,
)
from persense_export.networks.tiny_vit import TinyVit, TinyVitConfig  # noqa: E402

from scripts import Pixels  # noqa: E402

Points = Sequence[Tuple[int, int]]  #: x, y
ORIGIN = "random weights"
LABEL = "potato"  #: a word of the vocabulary
SAMS = ("vit_h", "vit_b", "mobile_sam")


@dataclasses.dataclass(frozen=True)
class Vit:
    """What the published image encoders of SAM differ in."""

    width: int
    depth: int
    heads: int
    whole: Tuple[int, ...]  #: blocks whose attention is of the whole image


VITS = {"vit_h": Vit(1280, 32, 16, (7, 15, 23, 31)), "vit_b": Vit(768, 12, 12, (2, 5, 8, 11))}
TINY_VITS = {"vit_h": Vit(48, 3, 3, (2,)), "vit_b": Vit(32, 2, 2, (1,))}
TINY_SIDE = 128  #: of an image as the tiny networks see it
TINY_CHANNELS = 64


def encoder_config(name: str, tiny: bool) -> EncoderConfig:
    """The sizes of a ViT."""
    vit = (TINY_VITS if tiny else VITS)[name]
    window = 3 if tiny else 14
    return EncoderConfig(
        grid=TINY_SIDE // 16 if tiny else 64,
        patch=16,
        width=vit.width,
        heads=vit.heads,
        mlp_width=4 * vit.width,
        windows=tuple(0 if block in vit.whole else window for block in range(vit.depth)),
        channels=TINY_CHANNELS if tiny else 256,
    )


def decoder_config(tiny: bool) -> DecoderConfig:
    """The sizes of every published SAM's decoder."""
    channels = TINY_CHANNELS if tiny else 256
    return DecoderConfig(
        image_size=TINY_SIDE if tiny else 1024,
        channels=channels,
        mask_channels=16,
        depth=2,
        mlp_width=8 * channels,
        narrow=channels // 2,
        quality_width=channels,
        quality_depth=3,
    )


def tiny_vit(tiny: bool) -> TinyVit:
    """MobileSAM's encoder."""
    if not tiny:
        return TinyVit()
    return TinyVit(TinyVitConfig((16, 32, 32, 64), (1, 1, 1, 1), (0, 2, 2, 2), channels=64))


def sam_of(name: str, tiny: bool) -> Sam:
    """One of SAMS."""
    if name == "mobile_sam":
        return Sam(tiny_vit(tiny), decoder_config(tiny))
    return Sam(ImageEncoder(encoder_config(name, tiny)), decoder_config(tiny))


# ---- archives ------------------------------------------------------------------------------------


def _of_sam(name: str, tiny: bool) -> List[Archive]:
    sam = randomise(sam_of(name, tiny))
    called = name if name == "mobile_sam" else f"sam_{name}"
    return sam_export.sam_archives(sam.image_encoder, sam.decoder(), called, ORIGIN, "")


def _of_countr(tiny: bool) -> List[Archive]:
    network = randomise(Countr(depth=1, decoder_depth=1) if tiny else Countr())
    return countr.archives(_checkpoint(network), argparse.Namespace())


def _of_dsalvanet(tiny: bool) -> List[Archive]:
    archive = dsalvanet.archives(_checkpoint(randomise(Dsalvanet())), argparse.Namespace())[0]
    return [_smaller(archive, size=96)] if tiny else [archive]


def _of_grounding_dino(tiny: bool) -> List[Archive]:
    config = _tiny_grounding_dino() if tiny else _swin_t()
    network = randomise(GroundingDino(config))
    tokens = _vocabulary(config.bert.vocabulary)
    archive = grounding_dino.archive_of(network, config, tokens, "")
    return [_smaller(archive, short_side=128, long_side=160)] if tiny else [archive]


def _swin_t() -> Config:
    return Config(
        swin=SwinConfig(width=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7),
        bert=BertConfig(
            vocabulary=30522, width=768, depth=12, mlp_width=3072, positions=512, types=2
        ),
        width=256,
        levels=4,
        queries=900,
        encoder_depth=6,
        encoder_points=4,
        encoder_mlp_width=2048,
        text_mlp_width=1024,
        fusion_width=1024,
        decoder_depth=6,
        decoder_points=4,
        decoder_mlp_width=2048,
    )


def _tiny_grounding_dino() -> Config:
    return Config(
        swin=SwinConfig(width=16, depths=(1, 1, 1, 1), heads=(1, 2, 4, 8), window=3),
        bert=BertConfig(vocabulary=1100, width=64, depth=1, mlp_width=96, positions=64, types=2),
        width=64,
        levels=4,
        queries=8,
        encoder_depth=1,
        encoder_points=4,
        encoder_mlp_width=128,
        text_mlp_width=64,
        fusion_width=64,
        decoder_depth=1,
        decoder_points=4,
        decoder_mlp_width=96,
    )


def _vocabulary(size: int) -> str:
    """BERT's special tokens where its network has them, two words, and filler."""
    tokens = [f"word{number}" for number in range(size)]
    places = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?"}
    for number, token in {**places, 200: LABEL, 201: "all", 202: "##es"}.items():
        tokens[number] = token
    return "".join(f"{token}\n" for token in tokens)


def _checkpoint(network: torch.nn.Module) -> Checkpoint:
    return Checkpoint(pathlib.Path(ORIGIN), dict(network.state_dict()), "")


def _smaller(archive: Archive, **sizes: int) -> Archive:
    """The same network, which is shown smaller images."""
    image = {**archive.manifest["input"], **sizes}
    return dataclasses.replace(archive, manifest={**archive.manifest, "input": image})


MAKERS: Dict[str, Callable[[bool], List[Archive]]] = {
    **{name: functools.partial(_of_sam, name) for name in SAMS},
    "countr": _of_countr,
    "dsalvanet": _of_dsalvanet,
    "grounding_dino": _of_grounding_dino,
}
FILES = {
    **{name: ("encoder.pt", "decoder.pt") for name in SAMS},
    "countr": ("dmg.pt",),
    "dsalvanet": ("dmg.pt",),
    "grounding_dino": ("detector.pt",),
}


@dataclasses.dataclass(frozen=True)
class Archives:
    """A folder of archives, each made when it is first asked for, and kept for later runs."""

    root: pathlib.Path
    tiny: bool

    def folder(self, name: str) -> pathlib.Path:
        """Where the archives of one of MAKERS lie, whether or not they are there."""
        return self.root / (f"{name}_tiny" if self.tiny else name)

    def there(self, name: str) -> bool:
        """Whether they are, and are not older than what makes them."""
        sources = [pathlib.Path(__file__), *TRAINING.glob("persense_export/**/*.py")]
        newest = max(file.stat().st_mtime for file in sources)
        files = [self.folder(name) / file for file in FILES[name]]
        return all(file.is_file() and file.stat().st_mtime >= newest for file in files)

    def __call__(self, name: str) -> pathlib.Path:
        """The folder, with the archives in it."""
        folder = self.folder(name)
        if not self.there(name):
            # not compared with the network on samples, which takes the export longest: its tests do
            made = [dataclasses.replace(a, samples=tuple) for a in MAKERS[name](self.tiny)]
            nothing = Checkpoint(pathlib.Path(ORIGIN), {}, "")
            write_archives(made, nothing, folder, report=lambda _: None)
        return folder


# ---- the published predictor ---------------------------------------------------------------------


def _published_vit(name: str, tiny: bool) -> torch.nn.Module:
    from segment_anything.modeling import ImageEncoderViT

    config = encoder_config(name, tiny)
    return ImageEncoderViT(
        depth=len(config.windows),
        embed_dim=config.width,
        img_size=config.image_size,
        mlp_ratio=4,
        norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-6),
        num_heads=config.heads,
        patch_size=config.patch,
        qkv_bias=True,
        use_rel_pos=True,
        global_attn_indexes=[i for i, side in enumerate(config.windows) if side == 0],
        window_size=max(config.windows),
        out_chans=config.channels,
    )


def _published_sam(name: str, tiny: bool) -> torch.nn.Module:
    from segment_anything import modeling

    config = decoder_config(tiny)
    grid = config.image_size // sam_export.STRIDE
    if name == "mobile_sam":
        encoder = tiny_vit(tiny)
        encoder.img_size = config.image_size  # the predictor asks for it
    else:
        encoder = _published_vit(name, tiny)
    prompts = modeling.PromptEncoder(
        embed_dim=config.channels,
        image_embedding_size=(grid, grid),
        input_image_size=(config.image_size, config.image_size),
        mask_in_chans=config.mask_channels,
    )
    decoder = modeling.MaskDecoder(
        num_multimask_outputs=3,
        transformer=modeling.TwoWayTransformer(
            depth=config.depth,
            embedding_dim=config.channels,
            mlp_dim=config.mlp_width,
            num_heads=config.heads,
        ),
        transformer_dim=config.channels,
        iou_head_depth=config.quality_depth,
        iou_head_hidden_dim=config.quality_width,
    )
    return modeling.Sam(
        encoder, prompts, decoder, sam_export.PIXEL_MEAN, sam_export.PIXEL_DEVIATION
    )


class Published:
    """SAM's published predictor (package segment-anything) with an archive's weights, in float32.

    Raises ImportError where it, or what it needs, is not installed. MobileSAM's image encoder is
    that of persense_export, since its package is on no registry; its predictor is SAM's.
    """

    def __init__(self, name: str, archives: Archives, device: str) -> None:
        from segment_anything import SamPredictor

        model = _published_sam(name, archives.tiny)
        folder = archives(name)
        state: Dict[str, Any] = {}
        for file, prefix in zip(FILES[name], ("image_encoder.", "")):
            module = torch.jit.load(str(folder / file), map_location="cpu")
            state.update({prefix + key: value for key, value in module.state_dict().items()})
        model.load_state_dict(state)
        self._predictor = SamPredictor(model.eval().to(device))

    def encode(self, image: Pixels) -> None:
        """Sets the image."""
        self._predictor.set_image(image)

    def score(self, point: Tuple[int, int]) -> float:
        """The best of the three masks' scores."""
        return float(self._predict(point, None)[0].max())

    def decode(self, points: Points) -> None:
        """Three decodes each, one prompt at a time, as persense's two passes have together.

        The point; the point and the best mask's logits; and the point again.
        """
        for point in points:
            scores, logits = self._predict(point, None)
            self._predict(point, logits[int(scores.argmax())][None])
            self._predict(point, None)

    def _predict(self, point: Tuple[int, int], mask: Any) -> Tuple[Any, Any]:
        _, scores, logits = self._predictor.predict(
            np.array([point], dtype=np.float64), np.array([1]), mask_input=mask
        )
        return scores, logits
