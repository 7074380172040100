"""CounTR for ONNX."""

from __future__ import annotations

import torch
from torch import Tensor

from persense_export.graphs import Graph, with_variants
from persense_export.networks.countr import EXEMPLAR_SIZE, IMAGE_SIZE, Countr


class AnyExemplars(Countr):
    """Takes none as well, without asking how many there are."""

    def exemplar_tokens(self, exemplars: Tensor) -> Tensor:
        # an exemplar more than there are: convolutions of nothing are what runtimes know least of
        more = torch.cat([exemplars[0], exemplars.new_zeros(1, 3, EXEMPLAR_SIZE, EXEMPLAR_SIZE)])
        tokens = super().exemplar_tokens(more[None])[:, :-1]
        none = self.shot_token.reshape(1, 1, -1)[
            :, exemplars.shape[1] :
        ]  # empty where there is one
        return torch.cat([tokens, none], 1)


def graph(network: Countr) -> Graph:
    """Windows [B, 3, 384, 384] and exemplars [1, K, 3, 64, 64], K >= 0, to [B, 384, 384]."""
    return Graph(
        with_variants(network, {Countr: AnyExemplars}),
        {
            "image": ("B", 3, IMAGE_SIZE, IMAGE_SIZE),
            "exemplars": (1, "K", 3, EXEMPLAR_SIZE, EXEMPLAR_SIZE),
        },
        {"density": ("B", IMAGE_SIZE, IMAGE_SIZE)},
    )
