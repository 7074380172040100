"""ONNX models give what the TorchScript archives give, for any shape and any optional input."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys
import zipfile
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
import torch
from helpers import SMALL_DETECTOR, open_archive, randomise, write_vocabulary
from torch import Tensor, nn

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from persense_export import archive, checkpoints, onnx_files  # noqa: E402
from persense_export.__main__ import main  # noqa: E402
from persense_export.archive import MANIFEST, Archive, difference  # noqa: E402
from persense_export.checkpoints import ExportError  # noqa: E402
from persense_export.graphs import Graph, as_tuple  # noqa: E402
from persense_export.networks import mini  # noqa: E402
from persense_export.networks.countr import Countr  # noqa: E402
from persense_export.networks.dsalvanet import Dsalvanet  # noqa: E402
from persense_export.networks.grounding_dino import GroundingDino  # noqa: E402
from persense_export.networks.sam import DecoderConfig, Sam  # noqa: E402
from persense_export.networks.tiny_vit import TinyVit  # noqa: E402

TOLERANCE = 1e-3  # of an array's deviation: what the export itself accepts


def rand(*shape: int, seed: int = 5) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def load(model: Any) -> Any:
    """A session of ONNX Runtime for an ONNX file, or its bytes."""
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])


def run(session: Any, *inputs: Tensor) -> List[Tensor]:
    """What a model makes of inputs in their order."""
    names = [given.name for given in session.get_inputs()]
    assert len(names) == len(inputs)
    found = session.run(None, {name: given.numpy() for name, given in zip(names, inputs)})
    return [torch.from_numpy(output) for output in found]


def check(ours: Sequence[Tensor], theirs: Any) -> None:
    expected = as_tuple(theirs)
    assert len(ours) >= len(expected)
    for own, other in zip(ours, expected):
        assert own.dtype == other.dtype
        assert difference(own, other) < TOLERANCE


def texts(file: Any) -> Dict[str, str]:
    model = onnx.load_from_string(file) if isinstance(file, bytes) else onnx.load(str(file))
    return {entry.key: entry.value for entry in model.metadata_props}


def export(model: str, network: nn.Module, save_checkpoint, tmp_path, *more: str) -> pathlib.Path:
    """The folder with what the command line makes of a network, in both formats."""
    file = save_checkpoint(network.state_dict())
    command = [model, "--checkpoint", str(file), "-o", str(tmp_path / "out"), "--format", "both"]
    assert main([*command, *more]) == 0
    return tmp_path / "out"


# ---- the models ----------------------------------------------------------------------------------


def prompts(n: int, points: int) -> Tuple[Tensor, Tensor]:
    labels = torch.randint(-1, 2, (n, points), generator=torch.Generator().manual_seed(n))
    return 128 * rand(n, points, 2), labels


def feed(embedding: Tensor, given: Sequence[Optional[Tensor]]) -> List[Tensor]:
    """The archive's arguments as the model's inputs: what is None has a length of 0."""
    coords, labels, box, mask, attention, target = given
    n, _, h, w = coords.shape[0], *embedding.shape[1:]
    return [
        embedding,
        coords,
        labels,
        torch.zeros(n, 0, 4) if box is None else box.reshape(n, 1, 4),
        torch.zeros(0, 1, 4 * h, 4 * w) if mask is None else mask,
        torch.zeros(0, h * w) if attention is None else attention,
        torch.zeros(0, embedding.shape[1]) if target is None else target,
    ]


def test_decoder_takes_every_combination_of_optional_inputs(random_sam, save_checkpoint, tmp_path):
    folder = export("sam", random_sam, save_checkpoint, tmp_path)
    manifest, module = open_archive(folder / "decoder.pt")
    held = json.loads(texts(folder / "decoder.onnx")[MANIFEST])
    assert held.pop("absent") == {"box": 1, "mask_input": 0, "attn_sim": 0, "target": 0}
    assert held == manifest
    model = load(folder / "decoder.onnx")
    for n, (h, w) in ((1, (8, 8)), (4, (6, 10))):
        embedding = rand(1, 64, h, w)
        box, mask = 128 * rand(n, 4), 10 * rand(n, 1, 4 * h, 4 * w) - 5
        rows = 1 if n == 4 else n
        optional = (box, mask, rand(rows, h * w), rand(rows, 64))
        for there in itertools.product((False, True), repeat=4):
            chosen = [tensor if given else None for tensor, given in zip(optional, there)]
            for points in (0, 2) if there[0] else (2,):
                given = [*prompts(n, points), *chosen]
                check(run(model, *feed(embedding, given)), module(embedding, *given))


def test_decoder_takes_guidance_of_each_prompt_s_own(random_sam, save_checkpoint, tmp_path):
    folder = export("sam", random_sam, save_checkpoint, tmp_path)
    embedding = rand(1, 64, 8, 8)
    given = [*prompts(3, 1), None, None, rand(3, 64), rand(3, 64)]
    _, module = open_archive(folder / "decoder.pt")
    check(run(load(folder / "decoder.onnx"), *feed(embedding, given)), module(embedding, *given))


def test_13_onnx_writes_the_mask_that_the_archives_give(random_sam, save_checkpoint, tmp_path):
    numpy = pytest.importorskip("numpy")
    image_module = pytest.importorskip("PIL.Image")
    folder = export("sam", random_sam, save_checkpoint, tmp_path)
    pixels = (255 * rand(96, 128, 3)).to(torch.uint8)  # of the network's own size: not resampled
    image_module.fromarray(pixels.numpy()).save(tmp_path / "picture.png")
    example = pathlib.Path(__file__).resolve().parents[4] / "examples" / "13_onnx.py"
    command = [sys.executable, str(example), str(folder), str(tmp_path / "picture.png")]
    subprocess.run([*command, "40", "30", str(tmp_path / "mask.png")], check=True)
    mask = numpy.array(image_module.open(tmp_path / "mask.png"))

    manifest, encoder = open_archive(folder / "encoder.pt")
    _, decoder = open_archive(folder / "decoder.pt")
    mean, deviation = (torch.tensor(manifest["input"][key]) for key in ("mean", "std"))
    padded = torch.zeros(1, 3, 128, 128)
    padded[0, :, :96] = ((pixels - mean) / deviation).permute(2, 0, 1)
    point = torch.tensor([[[40.0, 30.0]]]), torch.ones(1, 1, dtype=torch.int64)
    masks, quality = decoder(encoder(padded), *point)
    best = masks[:, quality[0].argmax()][None]
    logits = torch.nn.functional.interpolate(best, size=(128, 128), mode="bilinear")[0, 0, :96]
    assert mask.shape == (96, 128) and 0.01 < mask.mean() < 0.99
    assert (mask != (logits > 0).numpy()).mean() < 0.002


def test_encoder_and_its_half_size_file(random_sam, save_checkpoint, tmp_path):
    folder = export("sam", random_sam, save_checkpoint, tmp_path)
    manifest, module = open_archive(folder / "encoder.pt")
    assert json.loads(texts(folder / "encoder.onnx")[MANIFEST]) == manifest
    image = rand(1, 3, 128, 128)
    check(run(load(folder / "encoder.onnx"), image), module(image))
    whole = (folder / "encoder.onnx").stat().st_size
    export("sam", random_sam, save_checkpoint, tmp_path, "--half")
    assert (folder / "encoder.onnx").stat().st_size < 0.75 * whole
    manifest, module = open_archive(folder / "encoder.pt")
    assert json.loads(texts(folder / "encoder.onnx")[MANIFEST])["dtype"] == "fp16"
    check(run(load(folder / "encoder.onnx"), image), module.float()(image))


def test_mobile_sam_encoder_takes_any_multiple_of_16(save_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("persense_export.mobile_sam.IMAGE_SIZE", 128)  # for a quick comparison
    network = randomise(Sam(TinyVit(), DecoderConfig(128, 256, 16, 2, 2048, 128, 256, 3)))
    folder = export("mobile_sam", network, save_checkpoint, tmp_path)
    _, module = open_archive(folder / "encoder.pt")
    for h, w in ((128, 128), (112, 80)):
        image = rand(1, 3, h, w)
        check(run(load(folder / "encoder.onnx"), image), module(image))


def test_countr_takes_any_number_of_windows_and_exemplars(save_checkpoint, tmp_path):
    network = randomise(Countr(depth=1, decoder_depth=1))
    folder = export("countr", network, save_checkpoint, tmp_path)
    _, module = open_archive(folder / "dmg.pt")
    model = load(folder / "dmg.onnx")
    for windows, shots in ((1, 0), (3, 2)):
        given = rand(windows, 3, 384, 384), rand(1, shots, 3, 64, 64)
        check(run(model, *given), module(*given))


def test_dsalvanet_takes_any_boxes_and_sizes(save_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("persense_export.dsalvanet.IMAGE_SIZE", 128)  # for a quick comparison
    network = randomise(Dsalvanet())
    network.count_regressor.regressor[8].bias.fill_(1.5)  # a density that is above 0 and varies
    folder = export("dsalvanet", network, save_checkpoint, tmp_path)
    _, module = open_archive(folder / "dmg.pt")
    model = load(folder / "dmg.onnx")
    boxes = torch.tensor(
        [[[0, 0, 96, 160], [90, 150, 96, 160], [7, 9, 8, 10], [20, 30, 53, 47], [0, 4, 30, 41]]]
    ).float()
    for chosen in ([0], [3, 1], [1, 2, 4], [4, 3, 2, 1, 0]):
        image = 2 * rand(1, 3, 96, 160, seed=len(chosen)) - 1
        check(run(model, image, boxes[:, chosen]), module(image, boxes[:, chosen]))


def test_grounding_dino_takes_any_image_and_captions(save_checkpoint, tmp_path, monkeypatch):
    from persense_export import grounding_dino

    monkeypatch.setattr(grounding_dino, "_compare", lambda *_: None)  # with transformers
    vocabulary = tmp_path / "words.txt"
    write_vocabulary(vocabulary)
    network = randomise(GroundingDino(SMALL_DETECTOR))
    more = ("--vocabulary", str(vocabulary))
    folder = export("grounding_dino", network, save_checkpoint, tmp_path, *more)
    _, module = open_archive(folder / "detector.pt")
    model = load(folder / "detector.onnx")
    held = texts(folder / "detector.onnx")
    assert held["vocab.txt"] == vocabulary.read_text(encoding="utf-8")
    captions = [[101, 9, 5, 1012, 11, 8, 1029, 102], [101, 7, 1012, 102]]  # the second is padded
    text = grounding_dino.text_inputs(captions)
    for height, width in ((170, 131), (32, 40)):  # the latter has fewer cells than queries
        image = 2 * rand(1, 3, height, width) - 1
        logits, boxes, cells = run(model, image, *text)
        assert logits.shape[1] == boxes.shape[1] == cells.shape[1] == (30 if height > 32 else 29)
        check((logits, boxes), module(image, *text))


def test_mini_is_a_zip_of_a_model_for_each_method(save_checkpoint, tmp_path):
    network = randomise(mini.Mini())
    folder = export("mini", network, save_checkpoint, tmp_path)
    manifest, module = open_archive(folder / "mini.pt")
    module = module.float()
    with zipfile.ZipFile(folder / "mini.onnx.zip") as parts:
        assert all(part.compress_type == zipfile.ZIP_STORED for part in parts.infolist())
        held = {name: parts.read(name) for name in parts.namelist()}
    assert json.loads(held.pop(MANIFEST)) == manifest
    assert all(json.loads(texts(model)[MANIFEST]) == manifest for model in held.values())
    assert (folder / "mini.onnx.zip").stat().st_size < 1.1 * (folder / "mini.pt").stat().st_size

    def both(method: str, *inputs: Tensor) -> List[Tensor]:
        found = run(load(held.pop(f"{method}.onnx")), *inputs)
        check(found, getattr(module, method)(*inputs))
        return found

    features = both("trunk", rand(3, 3, 48, 80))
    prototype = both("pool", *features, (rand(3, 1, 48, 80) < 0.5).float())[0]
    conditioning = both("conditioning", prototype)
    maps = run(load(held.pop("maps.onnx")), *features, *conditioning)[0]
    check([maps], module.maps(*features, conditioning))
    n, owner = 5, torch.tensor([2, 0, 1, 1, 0])
    boxes = torch.cat([60 * rand(n, 2), 20 + 20 * rand(n, 1), rand(n, 2)], 1)
    masks = (rand(n, 1, 32, 32) < 0.5).float()
    evidence = both("evidence", maps, owner, boxes, masks)[0]
    grid = both("sample", *features, owner, boxes)[0]
    of = both("embed", torch.cat([rand(n, 3, 32, 32), masks], 1), grid, rand(n, mini.SHAPE))[0]
    sizes, valid = 4 * rand(1, n), torch.tensor([[True, True, False, True, True]])
    both("decide", of[None], sizes, evidence[None], valid, of[None, :2], sizes[:, :2], valid[:, :2])
    seen = rand(n, 3, 48, 48), (rand(n, 1, 48, 48) < 0.5).float()
    both("refine", *seen, 4 * rand(n, 6, 24, 24) - 2, rand(n, 32, 24, 24), 48 * rand(n, 2))
    assert held == {}


# ---- the files -----------------------------------------------------------------------------------


class Scale(nn.Module):
    """A network of a weight, for any number of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


class Branching(Scale):
    """A network that a recording is bound to differ from: few rows go another way than many."""

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) if x.shape[0] > 2 else -self.linear(x)


@pytest.fixture
def checkpoint(save_checkpoint) -> checkpoints.Checkpoint:
    return checkpoints.read_checkpoint(save_checkpoint(Scale().state_dict()))


def described(network: nn.Module, name: str = "dmg.pt") -> Archive:
    randomise(network)
    graph = Graph(network, {"x": ("rows", 3)}, {"y": ("rows", 4)})
    return Archive(
        name,
        {"stage": "dmg", "name": "scale"},
        network,
        lambda: [(rand(rows, 3),) for rows in (1, 2, 7)],
        graphs=lambda: {"forward": graph},
    )


def write(one: Archive, checkpoint: checkpoints.Checkpoint, folder: pathlib.Path) -> List[str]:
    lines: List[str] = []
    archive.write_archives([one], checkpoint, folder, report=lines.append, formats=("onnx",))
    return lines


def test_a_model_that_differs_is_refused_and_nothing_is_written(checkpoint, tmp_path):
    folder = tmp_path / "models"
    assert "differs from the network by" in write(described(Scale()), checkpoint, folder)[0]
    old = (folder / "dmg.onnx").read_bytes()
    with pytest.raises(ExportError, match="dmg.onnx: the model differs from the network by"):
        write(described(Branching()), checkpoint, folder)
    assert [file.name for file in folder.iterdir()] == ["dmg.onnx"]
    assert (folder / "dmg.onnx").read_bytes() == old


def test_a_model_carries_no_local_path_and_is_the_same_every_time(checkpoint, tmp_path):
    for name in ("a", "b"):
        write(described(Scale()), checkpoint, tmp_path / name)
    content = (tmp_path / "a" / "dmg.onnx").read_bytes()
    assert content == (tmp_path / "b" / "dmg.onnx").read_bytes()
    for path in (
        tmp_path,
        pathlib.Path(archive.__file__).parent,
        pathlib.Path(torch.__file__).parent,
    ):
        assert str(path).encode() not in content


def test_weights_beyond_the_format_s_limit_lie_beside_the_model(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_files, "LIMIT", 8)
    monkeypatch.setattr(onnx_files, "SMALLEST", 8)
    lines = write(described(Scale()), checkpoint, tmp_path / "models")
    names = ["dmg.onnx", "dmg.onnx.data"]
    assert sorted(file.name for file in (tmp_path / "models").iterdir()) == names
    assert len(lines) == 2
    modes = {file.stat().st_mode for file in (tmp_path / "models").iterdir()}
    assert len(modes) == 1
    x = rand(5, 3)
    check(run(load(tmp_path / "models" / "dmg.onnx"), x), randomise(Scale())(x))
    monkeypatch.undo()
    write(described(Scale()), checkpoint, tmp_path / "models")  # small enough again
    assert [file.name for file in (tmp_path / "models").iterdir()] == names[:1]


def test_torchscript_alone_is_written_unless_asked_otherwise(checkpoint, tmp_path):
    archive.write_archives([described(Scale())], checkpoint, tmp_path / "models")
    assert [file.name for file in (tmp_path / "models").iterdir()] == ["dmg.pt"]


def test_a_missing_package_is_named_in_one_line_before_anything_is_read(tmp_path):
    (tmp_path / "onnxruntime.py").write_text(
        "raise ModuleNotFoundError('no onnxruntime', name='onnxruntime')", encoding="utf-8"
    )
    package = str(pathlib.Path(archive.__file__).parents[1])
    paths = [str(tmp_path), package, os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "persense_export", "sam", "--format", "onnx"]
        + ["--checkpoint", "absent.pth", "-o", str(tmp_path / "models")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("persense_export: --format onnx: needs onnxruntime: pip install ")
    assert done.stderr.count("\n") == 1 and not (tmp_path / "models").exists()
