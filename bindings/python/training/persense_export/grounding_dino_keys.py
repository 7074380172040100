"""Names of GroundingDINO's tensors: the authors', and those of a transformers checkpoint."""

from __future__ import annotations

import dataclasses
import re
from typing import Dict, Mapping, Sequence, Tuple

import torch
from torch import Tensor

from persense_export.checkpoints import Checkpoint, ExportError

_SWIN = "model.backbone.conv_encoder.model."
_BLOCK = _SWIN + "encoder.layers.*.blocks.*."
_IMAGE = "model.encoder.layers.*.deformable_layer."
_TEXT = "model.encoder.layers.*.text_enhancer_layer."
_FUSION = "model.encoder.layers.*.fusion_layer."
_DECODER = "model.decoder.layers.*."

#: The authors' names (of modules, or the beginnings of names) and those of a transformers
#: checkpoint; * is a number. The first that fits is taken.
_NAMES = (
    ("backbone.0.patch_embed.proj", _SWIN + "embeddings.patch_embeddings.projection"),
    ("backbone.0.patch_embed.norm", _SWIN + "embeddings.norm"),
    ("backbone.0.layers.*.blocks.*.norm1", _BLOCK + "layernorm_before"),
    ("backbone.0.layers.*.blocks.*.norm2", _BLOCK + "layernorm_after"),
    ("backbone.0.layers.*.blocks.*.attn.proj", _BLOCK + "attention.output.dense"),
    ("backbone.0.layers.*.blocks.*.attn", _BLOCK + "attention.self"),
    ("backbone.0.layers.*.blocks.*.mlp.fc1", _BLOCK + "intermediate.dense"),
    ("backbone.0.layers.*.blocks.*.mlp.fc2", _BLOCK + "output.dense"),
    ("backbone.0.layers.*.downsample", _SWIN + "encoder.layers.*.downsample"),
    ("backbone.0.norm1", _SWIN + "hidden_states_norms.stage2"),
    ("backbone.0.norm2", _SWIN + "hidden_states_norms.stage3"),
    ("backbone.0.norm3", _SWIN + "hidden_states_norms.stage4"),
    ("transformer.encoder.layers.*.self_attn", _IMAGE + "self_attn"),
    ("transformer.encoder.layers.*.norm1", _IMAGE + "self_attn_layer_norm"),
    ("transformer.encoder.layers.*.norm2", _IMAGE + "final_layer_norm"),
    ("transformer.encoder.layers.*.linear1", _IMAGE + "fc1"),
    ("transformer.encoder.layers.*.linear2", _IMAGE + "fc2"),
    ("transformer.encoder.text_layers.*.self_attn", _TEXT + "self_attn"),
    ("transformer.encoder.text_layers.*.norm1", _TEXT + "layer_norm_before"),
    ("transformer.encoder.text_layers.*.norm2", _TEXT + "layer_norm_after"),
    ("transformer.encoder.text_layers.*.linear1", _TEXT + "fc1"),
    ("transformer.encoder.text_layers.*.linear2", _TEXT + "fc2"),
    ("transformer.encoder.fusion_layers.*.gamma_v", _FUSION + "vision_param"),
    ("transformer.encoder.fusion_layers.*.gamma_l", _FUSION + "text_param"),
    ("transformer.encoder.fusion_layers.*.layer_norm_v", _FUSION + "layer_norm_vision"),
    ("transformer.encoder.fusion_layers.*.layer_norm_l", _FUSION + "layer_norm_text"),
    ("transformer.encoder.fusion_layers.*.attn.v_proj", _FUSION + "attn.vision_proj"),
    ("transformer.encoder.fusion_layers.*.attn.l_proj", _FUSION + "attn.text_proj"),
    ("transformer.encoder.fusion_layers.*.attn.values_v_proj", _FUSION + "attn.values_vision_proj"),
    ("transformer.encoder.fusion_layers.*.attn.values_l_proj", _FUSION + "attn.values_text_proj"),
    ("transformer.encoder.fusion_layers.*.attn.out_v_proj", _FUSION + "attn.out_vision_proj"),
    ("transformer.encoder.fusion_layers.*.attn.out_l_proj", _FUSION + "attn.out_text_proj"),
    ("transformer.decoder.layers.*.self_attn", _DECODER + "self_attn"),
    ("transformer.decoder.layers.*.norm2", _DECODER + "self_attn_layer_norm"),
    ("transformer.decoder.layers.*.ca_text", _DECODER + "encoder_attn_text"),
    ("transformer.decoder.layers.*.catext_norm", _DECODER + "encoder_attn_text_layer_norm"),
    ("transformer.decoder.layers.*.cross_attn", _DECODER + "encoder_attn"),
    ("transformer.decoder.layers.*.norm1", _DECODER + "encoder_attn_layer_norm"),
    ("transformer.decoder.layers.*.linear1", _DECODER + "fc1"),
    ("transformer.decoder.layers.*.linear2", _DECODER + "fc2"),
    ("transformer.decoder.layers.*.norm3", _DECODER + "final_layer_norm"),
    ("transformer.decoder.norm", "model.decoder.layer_norm"),
    ("transformer.decoder.ref_point_head", "model.decoder.reference_points_head"),
    ("transformer.decoder.bbox_embed", "model.decoder.bbox_embed"),
    ("transformer.enc_output", "model.enc_output"),
    ("transformer.enc_output_norm", "model.enc_output_norm"),
    ("transformer.enc_out_bbox_embed", "model.encoder_output_bbox_embed"),
    ("transformer.level_embed", "model.level_embed"),
    ("transformer.tgt_embed", "model.query_position_embeddings"),
    ("input_proj", "model.input_proj_vision"),
    ("feat_map", "model.text_projection"),
    ("bert", "model.text_backbone"),
)
_HEAD = "transformer.decoder.bbox_embed."  #: of the boxes; in the checkpoints once a layer
_PARTS = ("query", "key", "value")  #: of a matrix that transformers keeps in three
_UNUSED = (  #: training's, or derived, or never read
    "label_enc.",
    "bert.pooler.",
    "bert.embeddings.position_ids",
    _SWIN + "swin.layernorm.",
)


def _renamed(key: str, names: Sequence[Tuple[str, str]]) -> str:
    """The key with its beginning renamed; as it is where no name fits."""
    for old, new in names:
        found = re.match(re.escape(old).replace(r"\*", r"(\d+)") + r"(?=\.|$)", key)
        if found:
            return new.replace("*", "{}").format(*found.groups()) + key[found.end() :]
    return key


def _canonical_key(key: str) -> str:
    """One name for the head of the boxes, which is in the checkpoints once a layer, twice."""
    return re.sub(r"^(transformer\.decoder\.)?bbox_embed\.\d+\.", _HEAD, key)


def _joined(state: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Query, key and value matrices as one, where the authors have one (not in BERT)."""
    joined: Dict[str, Tensor] = {}
    for key, value in state.items():
        found = re.match(r"(?!bert\.)(.*)\.(query|key|value)\.(weight|bias)$", key)
        if not found:
            joined[key] = value
            continue
        prefix, _, kind = found.groups()
        parts = [state.get(f"{prefix}.{part}.{kind}") for part in _PARTS]
        if any(part is None for part in parts):
            joined[key] = value  # and will be named as unexpected
        else:
            backbone = prefix.startswith("backbone.")
            name = f"{prefix}.qkv.{kind}" if backbone else f"{prefix}.in_proj_{kind}"
            joined[name] = torch.cat([part for part in parts if part is not None])
    return joined


def canonical(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint under the authors' names, each tensor once, without what is never read.

    Takes a checkpoint of the authors or of transformers. Raises ExportError where copies of one
    tensor differ.
    """
    state: Dict[str, Tensor] = dict(checkpoint.state)
    if any(key.startswith("model.") for key in state):
        names = [(new, old) for old, new in _NAMES]
        state = _joined({_renamed(key, names): value for key, value in state.items()})
    kept: Dict[str, Tensor] = {}
    for key, value in state.items():
        name = _canonical_key(key)
        if key.startswith(_UNUSED) or key.endswith(".relative_position_index"):
            continue
        if name in kept and not torch.equal(kept[name], value):
            raise ExportError(
                f"{checkpoint.path}: {key} differs from another layer's; only networks whose "
                "layers share one head for boxes are supported"
            )
        kept[name] = value
    return dataclasses.replace(checkpoint, state=kept)


def transformers_state(state: Mapping[str, Tensor], decoder_depth: int) -> Dict[str, Tensor]:
    """A network's tensors under the names of a transformers checkpoint."""
    renamed: Dict[str, Tensor] = {}
    for key, value in state.items():
        if key.startswith(_HEAD):
            for layer in range(decoder_depth):
                name = f"bbox_embed.{layer}.{key[len(_HEAD) :]}"
                renamed[name] = renamed[f"model.decoder.{name}"] = value
            continue
        found = re.match(r"(.*)(\.qkv\.|\.in_proj_)(weight|bias)$", key)
        if not found:
            renamed[_renamed(key, _NAMES)] = value
            continue
        for part, third in zip(_PARTS, value.chunk(3)):
            own = f"{found.group(1)}.{part}.{found.group(3)}"
            renamed[_renamed(own, _NAMES)] = third.clone()
    return renamed
