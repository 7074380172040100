"""Command line of the export: ``python -m persense_export MODEL --checkpoint FILE -o FOLDER``."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
from typing import Optional, Sequence


@dataclasses.dataclass(frozen=True)
class Model:
    """What the command line says of a model; the work is in ``persense_export.<name>``."""

    name: str
    summary: str
    checkpoint: str  #: of the example
    files: str
    source: str
    always_half: bool = False  #: float16 weights without being asked
    example: str = ""  #: further arguments of the example


MODELS = (
    Model(
        "sam",
        "Segment Anything, ViT-B, ViT-L or ViT-H",
        "sam_vit_h_4b8939.pth",
        "encoder.pt and decoder.pt",
        "https://github.com/facebookresearch/segment-anything#model-checkpoints",
    ),
    Model(
        "mobile_sam",
        "MobileSAM (TinyViT encoder)",
        "mobile_sam.pt",
        "encoder.pt and decoder.pt",
        "https://github.com/ChaoningZhang/MobileSAM",
    ),
    Model(
        "grounding_dino",
        "GroundingDINO, Swin-T or Swin-B",
        "groundingdino_swint_ogc.pth",
        "detector.pt, with BERT's vocabulary in it",
        "https://github.com/IDEA-Research/GroundingDINO#luggage-checkpoints, or a folder of "
        "https://huggingface.co/IDEA-Research/grounding-dino-tiny",
        example="--vocabulary vocab.txt",
    ),
    Model(
        "countr",
        "CounTR density maps",
        "FSC147.pth",
        "dmg.pt",
        "https://github.com/Verg-Avesta/CounTR",
    ),
    Model(
        "dsalvanet",
        "DSALVANet density maps",
        "checkpoint_200.pth",
        "dmg.pt",
        "https://github.com/kadvinj/DSALVANet",
    ),
    Model(
        "mini",
        "persense's own small network",
        "mini.pt",
        "mini.pt, in float16",
        "python -m persense_training.mini",
        always_half=True,
    ),
)


class _Parser(argparse.ArgumentParser):
    """Shows an example before anything else."""

    example = ""

    def format_help(self) -> str:
        return f"Example:\n  {self.example}\n\n{super().format_help()}"


def _example(model: Model) -> str:
    command = f"python -m persense_export {model.name} --checkpoint {model.checkpoint} -o models"
    return f"{command} {model.example}".rstrip()


def _add_own_arguments(sub: argparse.ArgumentParser, model: str) -> None:
    """What one model alone has."""
    if model == "sam":
        sub.add_argument(
            "--arch",
            choices=("vit_b", "vit_l", "vit_h"),
            help="refuse any other encoder (default: take the one that the checkpoint holds)",
        )
    if model == "mini":
        sub.add_argument(
            "--calibration",
            metavar="FILE",
            help="what persense_training.calibrate --write made: part of the manifest",
        )
    if model == "grounding_dino":
        sub.add_argument(
            "--vocabulary",
            metavar="FILE",
            help="BERT's vocab.txt or tokenizer.json (default: the one beside the checkpoint)",
        )


def parser() -> argparse.ArgumentParser:
    """Build the parser; it needs no PyTorch, so that --help is quick."""
    top = _Parser(
        prog="python -m persense_export",
        usage="%(prog)s MODEL --checkpoint FILE -o FOLDER [options]",
        description="Make TorchScript archives, which persense runs without Python, from the "
        "published checkpoints of a model; or ONNX models.",
        epilog="MODEL --help says where a model's checkpoints are found.",
    )
    top.example = _example(MODELS[0])
    models = top.add_subparsers(dest="model", metavar="MODEL", required=True)
    for model in MODELS:
        sub = models.add_parser(
            model.name,
            prog=f"python -m persense_export {model.name}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            help=model.summary,
            description=f"{model.summary}: writes {model.files}.",
            epilog=f"Checkpoints: {model.source}",
        )
        sub.example = _example(model)
        sub.add_argument(
            "--checkpoint", required=True, metavar="FILE", help="the published weights"
        )
        sub.add_argument(
            "-o",
            "--output",
            required=True,
            metavar="FOLDER",
            help="where the archives go; created if need be",
        )
        if model.always_half:
            sub.set_defaults(half=True)
        else:
            sub.add_argument(
                "--half",
                action="store_true",
                help="store float16 weights: half the size, still runs in any precision",
            )
        sub.add_argument(
            "--format",
            choices=("torchscript", "onnx", "both"),
            default="torchscript",
            help="onnx: models for ONNX Runtime, of the same names (encoder.onnx), which needs the "
            "packages onnx and onnxruntime (default: torchscript)",
        )
        _add_own_arguments(sub, model.name)
    return top


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line; give the exit code."""
    options = parser().parse_args(arguments)
    try:
        from persense_export import archive, checkpoints
    except ImportError as error:
        print(f"persense_export: needs PyTorch to export a model: {error}", file=sys.stderr)
        return 1
    exporter = importlib.import_module(f"persense_export.{options.model}")
    try:
        formats = archive.FORMATS if options.format == "both" else (options.format,)
        archive.require_packages(formats)
        checkpoint = checkpoints.read_checkpoint(options.checkpoint)
        archives = exporter.archives(checkpoint, options)
        archive.write_archives(archives, checkpoint, options.output, options.half, formats=formats)
    except checkpoints.ExportError as error:
        print(f"persense_export: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("persense_export: interrupted; nothing written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
