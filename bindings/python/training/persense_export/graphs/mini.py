"""The methods of persense's own small network for ONNX, a model each."""

from __future__ import annotations

from typing import Dict, Tuple

from persense_export.graphs import Graph, Method, Shape
from persense_export.networks import mini
from persense_export.networks.mini import Mini

_CHANNELS = dict(zip((2, 4, 8, 16), (*mini.LEVELS, mini.BOTTOM)))  # by stride


def _conditioning() -> Dict[str, Shape]:
    """The 14 tensors that :meth:`Mini.conditioning` makes of a prototype, in its order."""
    out: Dict[str, Shape] = {}
    for stride in (2, 4, 8):
        out[f"weights{stride}"] = ("B", _CHANNELS[stride], mini.COMPARISONS)
        out[f"shift{stride}"] = ("B", 1, mini.COMPARISONS)
    for stride in (16, 8, 4, 2):
        out[f"film_gain{stride}"] = ("B", _CHANNELS[stride], 1, 1)
        out[f"film_shift{stride}"] = ("B", _CHANNELS[stride], 1, 1)
    return out


def _features(batch: str = "B") -> Dict[str, Shape]:
    """The trunk's features at strides 2, 4 and 8."""
    return {
        f"f{level}": (batch, _CHANNELS[stride], f"h{stride}", f"w{stride}")
        for level, stride in ((1, 2), (2, 4), (3, 8))
    }


def graphs(network: Mini) -> Dict[str, Graph]:
    """A graph for each method that the library calls; :class:`Mini` says what each is given.

    No two have a weight in common. A list of tensors is so many inputs or outputs.
    """
    places: Dict[str, Shape] = {"owner": ("N",), "boxes": ("N", 5)}
    maps: Dict[str, Shape] = {"maps": ("B", mini.MAPS, "h2", "w2")}
    grid: Shape = ("N", mini.FEATURES, mini.GRID, mini.GRID)
    side, half = mini.WINDOW, mini.WINDOW // 2
    described: Dict[str, Tuple[Dict[str, Shape], Dict[str, Shape]]] = {
        "trunk": ({"image": ("B", 3, "H", "W")}, _features()),
        "pool": (
            {**_features(), "mask": ("B", 1, "H", "W")},
            {"prototype": ("B", mini.PROTOTYPE)},
        ),
        "conditioning": ({"prototype": ("B", mini.PROTOTYPE)}, _conditioning()),
        "maps": ({**_features(), **_conditioning()}, maps),
        "sample": ({**_features(), **places}, {"grid": grid}),
        "evidence": (
            {**maps, **places, "masks": ("N", 1, mini.CROP, mini.CROP)},
            {"evidence": ("N", mini.MAPS)},
        ),
        "embed": (
            {"crops": ("N", 4, mini.CROP, mini.CROP), "grid": grid, "shape": ("N", mini.SHAPE)},
            {"embedding": ("N", mini.EMBEDDING)},
        ),
        "decide": (
            {
                "candidates": ("B", "M", mini.EMBEDDING),
                "sizes": ("B", "M"),
                "evidence": ("B", "M", mini.MAPS),
                "valid": ("B", "M"),
                "exemplars": ("B", "K", mini.EMBEDDING),
                "exemplar_sizes": ("B", "K"),
                "exemplar_valid": ("B", "K"),
            },
            {"logits": ("B", "M", 2)},
        ),
        "refine": (
            {
                "image": ("N", 3, side, side),
                "coarse": ("N", 1, side, side),
                "maps": ("N", mini.MAPS, half, half),
                "f1": ("N", _CHANNELS[2], half, half),
                "centre": ("N", 2),
            },
            {"logits": ("N", 1, side, side)},
        ),
    }
    return {
        method: Graph(Method(network, method, len(_features()) if method == "maps" else 0), *shapes)
        for method, shapes in described.items()
    }
