"""Export of MobileSAM: ``encoder.pt`` (TinyViT) and ``decoder.pt``."""

from __future__ import annotations

import argparse
from typing import List

from persense_export.archive import Archive
from persense_export.checkpoints import Checkpoint, ExportError, load_by_key
from persense_export.sam import sam_archives
from persense_export.networks.sam import Sam, decoder_config
from persense_export.networks.tiny_vit import TinyVit

UPSTREAM = "MobileSAM, https://github.com/ChaoningZhang/MobileSAM, Apache-2.0"
IMAGE_SIZE = 1024

#: of the classifier that TinyViT was trained as
UNUSED = ("image_encoder.norm_head.", "image_encoder.head.")


def archives(checkpoint: Checkpoint, _: argparse.Namespace) -> List[Archive]:
    """Describe what to write for a checkpoint."""
    try:
        config = decoder_config(checkpoint.state, IMAGE_SIZE)
    except KeyError as error:
        got = ", ".join(list(checkpoint.state)[:3])
        raise ExportError(
            f"{checkpoint.path}: not a MobileSAM checkpoint: no {error}; its keys are {got}, ..."
        ) from error
    if "image_encoder.pos_embed" in checkpoint.state:
        raise ExportError(f"{checkpoint.path}: a checkpoint of SAM's ViT; export it with sam")
    sam = Sam(TinyVit(), config)
    load_by_key(sam, checkpoint, "MobileSAM", ignore=UNUSED)
    decoder = sam.decoder()
    return sam_archives(
        sam.image_encoder, decoder, "mobile_sam", UPSTREAM, checkpoint.sha256, any_size=True
    )
