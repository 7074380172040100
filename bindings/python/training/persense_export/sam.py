"""Export of Segment Anything: ``encoder.pt`` and ``decoder.pt``."""

from __future__ import annotations

import argparse
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

import torch
from torch import Tensor, nn

from persense_export.archive import Archive
from persense_export.checkpoints import Checkpoint, ExportError, load_by_key
from persense_export.graphs import METHOD
from persense_export.graphs import sam as graphs
from persense_export.networks.sam import PromptDecoder, Sam, sam_for

UPSTREAM = "Segment Anything, https://github.com/facebookresearch/segment-anything, Apache-2.0"
PIXEL_MEAN = [123.675, 116.28, 103.53]  #: R G B of 0..255
PIXEL_DEVIATION = [58.395, 57.12, 57.375]
STRIDE = 16  #: input pixels a cell

#: encoder width and depth to the architecture's name
ARCHITECTURES = {(768, 12): "vit_b", (1024, 24): "vit_l", (1280, 32): "vit_h"}


def architecture(state: Mapping[str, Tensor]) -> Optional[str]:
    """Name the encoder by its width and depth; None where it is none of the published."""
    blocks = {key.split(".")[2] for key in state if key.startswith("image_encoder.blocks.")}
    return ARCHITECTURES.get((state["image_encoder.pos_embed"].shape[-1], len(blocks)))


def _network(checkpoint: Checkpoint, wanted: Optional[str]) -> Tuple[Sam, str]:
    try:
        sam = sam_for(checkpoint.state)
    except (KeyError, IndexError, ValueError) as error:
        got = ", ".join(list(checkpoint.state)[:3])
        message = f"{checkpoint.path}: not a SAM checkpoint: no {error}; its keys are {got}, ..."
        if any(key.startswith("image_encoder.layers.") for key in checkpoint.state):
            message = f"{checkpoint.path}: a MobileSAM checkpoint; export it with mobile_sam"
        raise ExportError(message) from error
    found = architecture(checkpoint.state)
    if wanted and wanted != found:
        raise ExportError(f"{checkpoint.path}: holds {found or 'another encoder'}, not {wanted}")
    load_by_key(sam, checkpoint, "SAM")
    return sam, f"sam_{found}" if found else "sam"


def encoder_samples(size: int, any_size: bool) -> Iterator[Tuple[Tensor]]:
    """Images to compare an encoder on: noise, noise padded as a wide image is, another size."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(1, 3, size, size, generator=generator)
    yield (image,)
    image = torch.randn(1, 3, size, size, generator=generator)
    image[:, :, size // 2 :] = 0
    yield (image,)
    if any_size:
        yield (image[:, :, : size // 4, : size // 2],)


def decoder_samples(channels: int, size: int) -> Iterator[Tuple[Optional[Tensor], ...]]:
    """Prompts to compare a decoder on: several counts, and each kind with and without the others.

    The embeddings are a quarter of the usual size: nothing in the decoder depends on it.
    """
    generator = torch.Generator().manual_seed(2)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def pixels(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * size

    side = max(1, size // STRIDE // 4)
    for n, points, box, mask, shared_guidance in (
        (1, 1, False, False, True),
        (3, 1, False, True, True),
        (2, 3, True, True, False),
        (5, 0, True, False, False),
        (16, 1, False, False, None),
    ):
        labels = torch.randint(-1, 2, (n, points), generator=generator)
        guided = shared_guidance is not None
        rows = 1 if shared_guidance else n
        yield (
            noise(1, channels, side, side),
            pixels(n, points, 2),
            labels,
            pixels(n, 4) if box else None,
            noise(n, 1, 4 * side, 4 * side) * 5 if mask else None,
            torch.rand(rows, side * side, generator=generator) if guided else None,
            noise(rows, channels) if guided else None,
        )


def sam_archives(
    encoder: nn.Module,
    decoder: PromptDecoder,
    name: str,
    upstream: str,
    sha256: str,
    any_size: bool = False,
) -> List[Archive]:
    """Describe the two archives of any network of SAM's kind; ``name`` is the encoder's.

    ``any_size``: the encoder takes images of any size, not those of the manifest alone.
    """
    size = decoder.prompt_encoder.image_size
    channels = decoder.prompt_encoder.no_mask_embed.weight.shape[1]
    origin = {"upstream": upstream, "sha256_weights": sha256}
    image: Dict[str, Any] = {
        "size": size,
        "mean": PIXEL_MEAN,
        "std": PIXEL_DEVIATION,
        "layout": "rgb",
        "resize": "longest_side",
        "pad_multiple": 0,
    }
    cells = {"channels": channels, "stride": STRIDE}
    return [
        Archive(
            "encoder.pt",
            {
                "stage": "encoder",
                "name": name,
                "input": image,
                "output": cells,
                "prototype": "mean",
                **origin,
            },
            encoder,
            lambda: encoder_samples(size, any_size),
            graphs=lambda: {
                METHOD: graphs.encoder_graph(encoder, 0 if any_size else size, channels, STRIDE)
            },
        ),
        Archive(
            "decoder.pt",
            {
                "stage": "decoder",
                "name": name,
                "encoder": name,
                "input": {"size": size},
                "output": {**cells, "masks": 3},
                **origin,
            },
            decoder,
            lambda: decoder_samples(channels, size),
            graphs=lambda: {METHOD: graphs.decoder_graph(decoder)},
        ),
    ]


def archives(checkpoint: Checkpoint, options: argparse.Namespace) -> List[Archive]:
    """Describe what to write for a checkpoint of ViT-B, ViT-L or ViT-H."""
    sam, name = _network(checkpoint, options.arch)
    return sam_archives(sam.image_encoder, sam.decoder(), name, UPSTREAM, checkpoint.sha256)
