"""Export of GroundingDINO: ``detector.pt``, with BERT's vocabulary in it."""

from __future__ import annotations

import argparse
import json
import pathlib
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple
from unittest import mock

import torch
from torch import Tensor

from persense_export.archive import TOLERANCE, Archive, difference
from persense_export.checkpoints import Checkpoint, ExportError, load_by_key
from persense_export.graphs import METHOD
from persense_export.graphs import grounding_dino as graphs
from persense_export.grounding_dino_keys import canonical, transformers_state
from persense_export.sam import PIXEL_DEVIATION, PIXEL_MEAN
from persense_export.networks.grounding_dino import Config, GroundingDino, SwinConfig, config_of

UPSTREAM = "GroundingDINO, https://github.com/IDEA-Research/GroundingDINO, Apache-2.0"
SHORT_SIDE, LONG_SIDE = 800, 1333  #: of a resized image: exactly, and at most
MAX_TOKENS = 256  #: of a caption, [CLS] and [SEP] included
START, END, STOP, QUESTION = 101, 102, 1012, 1029  #: [CLS] [SEP] . ? in BERT's vocabulary
NEEDED = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", ".")  #: what a caption cannot do without

#: the published backbones, by width, depths and window
BACKBONES: Dict[Tuple[int, Tuple[int, ...], int], str] = {
    (96, (2, 2, 6, 2), 7): "swin_t",
    (128, (2, 2, 18, 2), 12): "swin_b",
}

# ---- vocabulary ----------------------------------------------------------------------------------


def _vocabulary_file(checkpoint: Checkpoint, given: Optional[str]) -> pathlib.Path:
    if given:
        return pathlib.Path(given)
    for name in ("vocab.txt", "tokenizer.json"):
        file = checkpoint.path.parent / name
        if file.is_file():
            return file
    raise ExportError(
        f"{checkpoint.path}: no vocab.txt or tokenizer.json beside it; give BERT's with "
        "--vocabulary (https://huggingface.co/google-bert/bert-base-uncased)"
    )


def _tokens(file: pathlib.Path) -> List[str]:
    """The tokens of a vocab.txt, or of the tokenizer.json that newer transformers write."""
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix != ".json":
            return text.rstrip("\n").split("\n")
        ids: Dict[str, int] = json.loads(text)["model"]["vocab"]
        return sorted(ids, key=lambda token: ids[token])
    except OSError as error:
        raise ExportError(f"{file}: cannot read it: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = type(error).__name__
        raise ExportError(f"{file}: not a vocabulary, or damaged ({why})") from error


def vocabulary(checkpoint: Checkpoint, given: Optional[str], size: int) -> str:
    """BERT's vocabulary, one token a line, from the file given or beside the checkpoint.

    Raises ExportError unless it has ``size`` tokens, none twice, and those of NEEDED.
    """
    file = _vocabulary_file(checkpoint, given)
    tokens = _tokens(file)
    if len(tokens) != size:
        raise ExportError(f"{file}: has {len(tokens)} tokens, expected {size}, the network's")
    if len(set(tokens)) != size:
        raise ExportError(f"{file}: has {size - len(set(tokens))} tokens twice")
    for token in NEEDED:
        if token not in tokens:
            raise ExportError(f"{file}: has no token {token}; is it BERT's (uncased)?")
    return "".join(f"{token}\n" for token in tokens)


# ---- comparison ----------------------------------------------------------------------------------


def text_inputs(token_ids: Sequence[Sequence[int]]) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the network is given beside the image, of captions' token ids with [CLS] and [SEP].

    Captions shorter than the longest are padded with 0. Returns token ids [B, T], text mask
    [B, T, T], position ids [B, T] and token mask [B, T].
    """
    longest = max(len(caption) for caption in token_ids)
    ids = torch.zeros(len(token_ids), longest, dtype=torch.int64)
    positions, token_mask = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
    text_mask = torch.eye(longest, dtype=torch.bool).repeat(len(token_ids), 1, 1)
    for row, caption in enumerate(token_ids):
        ids[row, : len(caption)] = torch.tensor(caption)
        token_mask[row, : len(caption)] = True
        first = 1
        for place, token in enumerate(caption):
            if token in (STOP, QUESTION):
                text_mask[row, first : place + 1, first : place + 1] = True
                positions[row, first : place + 1] = torch.arange(place + 1 - first)
                first = place + 1
    return ids, text_mask, positions, token_mask


def _captions(words: Sequence[int]) -> List[List[int]]:
    """A caption for each number of words: that many phrases, of one word, two, three and so on."""
    captions = []
    random = torch.Generator().manual_seed(3)
    for phrases in words:
        ids = [START]
        for phrase in range(phrases):
            some = torch.randint(1, START, (phrase + 1,), generator=random)
            ids += [*some.tolist(), STOP]
        captions.append([*ids, END])
    return captions


def samples(window: int) -> Iterator[Tuple[Tensor, ...]]:
    """Images of several sizes, with one caption and with two of one length."""
    random = torch.Generator().manual_seed(2)
    smallest = 32 * window
    for height, width, phrases in (
        (smallest + 32, smallest + 64, [1]),
        (smallest + 75, smallest + 33, [2]),
        (smallest + 33, smallest + 160, [2, 2]),
    ):
        image = torch.randn(1, 3, height, width, generator=random)
        yield (image, *text_inputs(_captions(phrases)))


def transformers_config(config: Config) -> Any:
    """The sizes as transformers has them. Needs transformers."""
    from transformers import BertConfig as HfBert
    from transformers import GroundingDinoConfig
    from transformers import SwinConfig as HfSwin

    swin, bert = config.swin, config.bert
    return GroundingDinoConfig(
        backbone_config=HfSwin(
            embed_dim=swin.width,
            depths=list(swin.depths),
            num_heads=list(swin.heads),
            window_size=swin.window,
            out_indices=[2, 3, 4],
        ),
        text_config=HfBert(
            vocab_size=bert.vocabulary,
            hidden_size=bert.width,
            num_hidden_layers=bert.depth,
            num_attention_heads=bert.heads,
            intermediate_size=bert.mlp_width,
            max_position_embeddings=bert.positions,
            type_vocab_size=bert.types,
        ),
        num_queries=config.queries,
        d_model=config.width,
        encoder_layers=config.encoder_depth,
        encoder_ffn_dim=config.encoder_mlp_width,
        encoder_attention_heads=config.heads,
        encoder_n_points=config.encoder_points,
        decoder_layers=config.decoder_depth,
        decoder_ffn_dim=config.decoder_mlp_width,
        decoder_attention_heads=config.heads,
        decoder_n_points=config.decoder_points,
        num_feature_levels=config.levels,
        disable_custom_kernels=True,
    )


def reference(network: GroundingDino, config: Config) -> Any:
    """The network as transformers defines it, with the same weights. Needs transformers."""
    from transformers import GroundingDinoForObjectDetection

    state = transformers_state(network.state_dict(), config.decoder_depth)
    return GroundingDinoForObjectDetection.from_pretrained(
        None, config=transformers_config(config), state_dict=state
    ).eval()


def _nearest(boxes: Tensor, others: Tensor) -> float:
    """How far the boxes [B, Q, 4] are from their nearest others; each caption's worst but one.

    Of two cells that fit a phrase equally well for the last place, either may be chosen.
    """
    distance = (boxes[:, :, None] - others[:, None]).abs().amax(3).amin(2)
    return float(distance.topk(2, 1)[0][:, 1].max())


def compare_outputs(network: GroundingDino, theirs: Any, inputs: Tuple[Tensor, ...]) -> float:
    """Largest difference to transformers' model, as a share of the output's deviation.

    Rounding swaps cells that fit a phrase almost equally well, and each place has a query of its
    own, so the decoders are compared on the cells in the order in which transformers chose them.
    """
    image, ids, text_mask, positions, token_mask = inputs
    with torch.no_grad():
        expected = theirs(
            image.expand(ids.shape[0], -1, -1, -1), ids, attention_mask=token_mask.to(torch.int64)
        )
    chosen: List[Tensor] = []

    def start(*arguments: Any) -> Tensor:
        chosen.append(type(network.transformer).start(network.transformer, *arguments))
        return expected.init_reference_points

    with mock.patch.object(network.transformer, "start", start), torch.no_grad():
        logits, boxes = network(image, ids, text_mask, positions, token_mask)
    tokens = expected.logits[:, :, : ids.shape[1]]
    real = token_mask[:, None, :].expand_as(logits)
    return max(
        _nearest(chosen[0], expected.init_reference_points),
        difference(logits[real], tokens[real]),
        difference(boxes, expected.pred_boxes),
    )


def reference_difference(network: GroundingDino, config: Config) -> float:
    """Largest difference to transformers' model on all samples, both in float64."""
    theirs = reference(network, config).double()
    network.double()
    try:
        return max(
            compare_outputs(network, theirs, (image.double(), *rest))
            for image, *rest in samples(config.swin.window)
        )
    finally:
        network.float()


def _compare(network: GroundingDino, config: Config, checkpoint: Checkpoint) -> None:
    """Refuse a network that is not transformers'; say so where that cannot be asked."""
    try:
        import transformers

        usable = transformers.utils.is_torch_available()  # it may want a newer PyTorch
    except ImportError:
        usable = False
    if not usable:
        print(
            "not compared with the GroundingDINO of transformers: it is not installed, or wants a "
            "newer PyTorch"
        )
        return
    worst = reference_difference(network, config)
    if not worst <= TOLERANCE:
        raise ExportError(
            f"{checkpoint.path}: the network differs from that of transformers "
            f"{transformers.__version__} by {worst:.2g} of the output's deviation (at most "
            f"{TOLERANCE:.0e} is accepted); nothing written"
        )
    print(f"differs from the network of transformers {transformers.__version__} by {worst:.1g}")


# ---- export --------------------------------------------------------------------------------------


def network(checkpoint: Checkpoint) -> Tuple[GroundingDino, Config]:
    """The network of a checkpoint of the authors or of transformers, and its sizes."""
    named = canonical(checkpoint)
    try:
        config = config_of(named.state)
        model = GroundingDino(config)
    except (KeyError, IndexError, ValueError) as error:
        got = ", ".join(list(checkpoint.state)[:3])
        raise ExportError(
            f"{checkpoint.path}: not a GroundingDINO checkpoint: no {error}; its keys are "
            f"{got}, ..."
        ) from error
    load_by_key(model, named, "GroundingDINO")
    return model, config


def backbone_name(swin: SwinConfig) -> str:
    """Name of a published backbone; "swin" where it is none of them."""
    return BACKBONES.get((swin.width, swin.depths, swin.window), "swin")


def archive_of(model: GroundingDino, config: Config, tokens: str, sha256: str) -> Archive:
    """Describe the archive of a network. :param tokens: BERT's vocabulary, one token a line."""
    manifest = {
        "stage": "detector",
        "name": f"grounding_dino_{backbone_name(config.swin)}",
        "input": {
            "short_side": SHORT_SIDE,
            "long_side": LONG_SIDE,
            "mean": PIXEL_MEAN,
            "std": PIXEL_DEVIATION,
            "layout": "rgb",
        },
        "text": {"vocabulary": "vocab.txt", "lower_case": True, "max_tokens": MAX_TOKENS},
        "output": {"queries": config.queries},
        "upstream": UPSTREAM,
        "sha256_weights": sha256,
    }
    return Archive(
        "detector.pt",
        manifest,
        model,
        lambda: samples(config.swin.window),
        files={"vocab.txt": tokens},
        graphs=lambda: {METHOD: graphs.graph(model)},
    )


def archives(checkpoint: Checkpoint, options: argparse.Namespace) -> List[Archive]:
    """What to write for a GroundingDINO checkpoint."""
    model, config = network(checkpoint)
    tokens = vocabulary(checkpoint, options.vocabulary, config.bert.vocabulary)
    _compare(model, config, checkpoint)
    return [archive_of(model, config, tokens, checkpoint.sha256)]
