"""Reading checkpoints, writing archives, and the command line's errors."""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import zipfile
from random import Random
from typing import List

import pytest
import torch
from helpers import open_archive, randomise
from torch import Tensor, nn

from persense_export import archive, checkpoints
from persense_export.__main__ import MODELS, main, parser
from persense_export.archive import Archive
from persense_export.checkpoints import ExportError


class Scale(nn.Module):
    """A network with a weight, an integer buffer and an output for any number of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.register_buffer("steps", torch.arange(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) * self.steps.sum()


class Remembering(nn.Module):
    """A network whose archive is bound to differ: it counts its calls outside the archive."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.register_buffer("weight", torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        if not torch.jit.is_scripting():
            self.calls += 1
        return x * self.weight + self.calls


class RememberingElsewhere(Remembering):
    """The same in a method that ``forward`` does not call."""

    @torch.jit.export
    def other(self, x: Tensor) -> Tensor:
        if not torch.jit.is_scripting():
            self.calls += 1
        return x + self.calls

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


@pytest.fixture
def checkpoint(save_checkpoint) -> checkpoints.Checkpoint:
    return checkpoints.read_checkpoint(save_checkpoint(randomise(Scale()).state_dict()))


def described(network: nn.Module, name: str = "dmg.pt") -> Archive:
    def samples() -> List[tuple]:
        generator = torch.Generator().manual_seed(0)
        return [(torch.randn(rows, 3, generator=generator),) for rows in (1, 2, 7)]

    return Archive(name, {"stage": "dmg", "name": "scale"}, network, samples)


def loaded(checkpoint: checkpoints.Checkpoint) -> Scale:
    network = Scale()
    checkpoints.load_by_key(network, checkpoint, "Scale")
    return network


# ---- checkpoints ---------------------------------------------------------------------------------


class Trap:
    """Unpickling it the usual way creates a file."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_checkpoint_keeps_tensors_and_executes_nothing(tmp_path):
    network = randomise(Scale())
    content = {
        "model": {f"module.{key}": value for key, value in network.state_dict().items()},
        "args": argparse.Namespace(learning_rate=1e-4, folder=pathlib.PurePosixPath("x")),
        "optimizer": torch.optim.Adam(nn.Linear(2, 2).parameters()).state_dict(),
        "trap": Trap(tmp_path / "executed"),
    }
    torch.save(content, tmp_path / "c.pth")
    read = checkpoints.read_checkpoint(tmp_path / "c.pth")
    assert not (tmp_path / "executed").exists()
    assert set(read.state) == {"linear.weight", "linear.bias", "steps"}
    assert torch.equal(read.state["linear.weight"], network.linear.weight)
    assert len(read.sha256) == 64


def test_changed_checkpoint_is_tensors_or_one_line_of_error(tmp_path, capfd):
    content = {"model": {"a": torch.randn(3, 4), "b": torch.ones(3).half()}, "epoch": 3}
    torch.save(content, tmp_path / "whole.pth")
    with zipfile.ZipFile(tmp_path / "whole.pth") as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    (pickled,) = [name for name in parts if name.endswith("/data.pkl")]
    random = Random(1)
    read = 0
    for _ in range(300):
        changed = bytearray(parts[pickled])
        at = random.randrange(len(changed))
        if random.random() < 0.7:
            changed[at] = random.choice([0, 1, 0x7F, 0xFF, random.randrange(256)])
        else:
            changed[at:at] = changed[at : at + random.randrange(40)]
        with zipfile.ZipFile(tmp_path / "c.pth", "w") as file:  # with checksums that are right
            for name, part in parts.items():
                file.writestr(name, bytes(changed) if name == pickled else part)
        try:
            state = checkpoints.read_checkpoint(tmp_path / "c.pth").state
            read += all(value.numel() < 100 and value.sum() is not None for value in state.values())
        except ExportError as error:
            assert "\n" not in str(error)
    assert read > 0
    assert capfd.readouterr().err == ""


def test_checkpoint_that_numbers_objects_beyond_its_size_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.pth", "w") as file:
        file.writestr("c/data.pkl", b"\x80\x02}r\xff\xff\xff\x0f.")  # 4 GiB of numbers
    with pytest.raises(ExportError, match="not a PyTorch checkpoint"):
        checkpoints.read_checkpoint(tmp_path / "c.pth")


def test_checkpoint_of_the_legacy_format_executes_nothing_either(tmp_path):
    def save(content):
        torch.save(content, tmp_path / "c.pth", _use_new_zipfile_serialization=False)

    save({"model": {"a": torch.ones(2)}})
    assert torch.equal(checkpoints.read_checkpoint(tmp_path / "c.pth").state["a"], torch.ones(2))
    save({"a": torch.ones(2), "trap": Trap(tmp_path / "executed")})
    with pytest.raises(ExportError, match="not a PyTorch checkpoint"):
        checkpoints.read_checkpoint(tmp_path / "c.pth")
    assert not (tmp_path / "executed").exists()


def test_checkpoint_tensors_may_share_storage_have_any_type_and_stride(save_checkpoint):
    base = torch.arange(12.0)
    state = {
        "view": base.view(3, 4)[1:, ::2],
        "turned": base.view(3, 4).t(),
        "parameter": nn.Parameter(base[:2].clone()),
        "none": torch.empty(0, 3),
        "scalar": torch.tensor(7),
        "half": base.half(),
        "bfloat16": base.bfloat16(),
        "bool": base > 5,
    }
    read = checkpoints.read_checkpoint(save_checkpoint(state)).state
    assert list(read) == list(state)
    for key, value in state.items():
        assert read[key].dtype == value.dtype and torch.equal(read[key], value)


def test_checkpoint_with_a_flipped_bit_is_damaged(save_checkpoint):
    file = save_checkpoint({"a": torch.zeros(1000)})
    content = bytearray(file.read_bytes())
    content[content.index(bytes(4000)) + 2000] ^= 4
    file.write_bytes(content)
    with pytest.raises(ExportError, match="damaged"):
        checkpoints.read_checkpoint(file)


def test_checkpoint_hash_is_that_of_the_file(save_checkpoint):
    import hashlib

    file = save_checkpoint({"a": torch.ones(2)})
    assert checkpoints.read_checkpoint(file).sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_files_that_are_no_checkpoint_are_named_in_one_line(tmp_path, save_checkpoint):
    text = tmp_path / "notes.txt"
    text.write_text("hello", encoding="utf-8")
    cut = tmp_path / "cut.pth"
    cut.write_bytes(save_checkpoint({"a": torch.ones(1000)}).read_bytes()[:3000])
    empty = save_checkpoint({}, "empty.pth")
    script = tmp_path / "script.pt"
    torch.jit.script(Scale()).save(str(script))
    for file, words in {
        tmp_path / "absent.pth": "No such file",
        tmp_path: "a folder without model.safetensors or pytorch_model.bin",
        text: "not a PyTorch checkpoint",
        cut: "not a PyTorch checkpoint",
        empty: "no state dict",
        script: "TorchScript archive",
    }.items():
        with pytest.raises(ExportError) as caught:
            checkpoints.read_checkpoint(file)
        message = str(caught.value)
        assert message.startswith(f"{file}: ") and words in message and "\n" not in message


def test_loading_names_missing_unexpected_and_misshapen_keys(checkpoint):
    state = dict(checkpoint.state)
    wrong = checkpoints.Checkpoint(checkpoint.path, {**state, "more": torch.ones(1)}, "")
    del wrong.state["steps"]
    with pytest.raises(ExportError, match=r"1 of 3 keys missing \(steps\), 1 unexpected \(more\)"):
        checkpoints.load_by_key(Scale(), wrong, "Scale")
    checkpoints.load_by_key(
        Scale(),
        checkpoints.Checkpoint(checkpoint.path, {**state, "head.x": state["steps"]}, ""),
        "Scale",
        ignore=("head.",),
    )
    wrong = checkpoints.Checkpoint(checkpoint.path, {**state, "linear.bias": torch.ones(5)}, "")
    with pytest.raises(ExportError, match=r"linear.bias has shape \[5\], expected \[4\] in Scale"):
        checkpoints.load_by_key(Scale(), wrong, "Scale")


# ---- archives ------------------------------------------------------------------------------------


def test_archive_holds_the_network_and_its_manifest(checkpoint, tmp_path):
    network = loaded(checkpoint)
    lines: List[str] = []
    (file,) = archive.write_archives(
        [described(network)], checkpoint, tmp_path / "new" / "folder", report=lines.append
    )
    assert file == tmp_path / "new" / "folder" / "dmg.pt" and len(lines) == 1
    manifest, module = open_archive(file)
    assert manifest == {"format": 1, "stage": "dmg", "name": "scale", "dtype": "fp32"}
    x = torch.randn(5, 3)
    assert torch.equal(module(x), network(x))


def test_half_archive_stores_float16_and_runs_in_float32(checkpoint, tmp_path):
    network = loaded(checkpoint)
    (file,) = archive.write_archives([described(network)], checkpoint, tmp_path, half=True)
    manifest, module = open_archive(file)
    assert manifest["dtype"] == "fp16"
    assert module.linear.weight.dtype == torch.float16 and module.steps.dtype == torch.int64
    x = torch.randn(5, 3)
    expected = loaded(checkpoint)(x)
    # weights below 1 are off by up to 2**-12, and an output sums four of them times 3
    assert (module.float()(x) - expected).abs().max() < 4 * 3 * 3 * 2**-12


def test_archive_carries_no_local_path_and_is_the_same_every_time(checkpoint, tmp_path):
    files = [
        archive.write_archives([described(loaded(checkpoint))], checkpoint, tmp_path / name)[0]
        for name in ("a", "b")
    ]
    content = [file.read_bytes() for file in files]
    assert content[0] == content[1]
    for place in (
        str(tmp_path),
        str(pathlib.Path(__file__).parent),
        os.path.dirname(torch.__file__),
    ):
        assert place.encode() not in content[0]
    with zipfile.ZipFile(files[0]) as parts:
        assert parts.testzip() is None
        assert not [name for name in parts.namelist() if name.endswith(".debug_pkl")]
        texts = b"".join(parts.read(n) for n in parts.namelist() if "/data/" not in n)
    assert b".py" not in texts


def test_archive_records_are_aligned(checkpoint, tmp_path):
    (file,) = archive.write_archives([described(loaded(checkpoint))], checkpoint, tmp_path)
    content = file.read_bytes()
    with zipfile.ZipFile(file) as parts:
        for entry in parts.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            head = entry.header_offset
            name, extra = (
                int.from_bytes(content[head + i : head + i + 2], "little") for i in (26, 28)
            )
            assert (head + 30 + name + extra) % archive.ALIGNMENT == 0


def test_a_local_path_inside_is_refused(checkpoint, tmp_path):
    spoilt = described(loaded(checkpoint))
    spoilt.manifest["upstream"] = f"{tmp_path}/checkpoint.pth"
    with pytest.raises(ExportError, match="holds the local path"):
        archive.write_archives([spoilt], checkpoint, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_an_archive_that_differs_is_refused_and_nothing_is_written(checkpoint, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "dmg.pt").write_text("old", encoding="utf-8")
    both = [described(loaded(checkpoint)), described(Remembering(), "encoder.pt")]
    with pytest.raises(ExportError, match="encoder.pt: the archive differs from the network by"):
        archive.write_archives(both, checkpoint, tmp_path / "models")
    assert [file.name for file in (tmp_path / "models").iterdir()] == ["dmg.pt"]
    assert (tmp_path / "models" / "dmg.pt").read_text(encoding="utf-8") == "old"


def test_an_archive_that_differs_in_another_method_is_refused(checkpoint, tmp_path):
    one = described(RememberingElsewhere())
    assert archive.write_archives([one], checkpoint, tmp_path / "models")
    one.calls = lambda: [("other", (torch.ones(2, 3),))]
    with pytest.raises(ExportError, match="dmg.pt: the archive differs from the network by"):
        archive.write_archives([one], checkpoint, tmp_path / "models")


def test_values_that_are_not_finite_are_refused(checkpoint, tmp_path):
    network = loaded(checkpoint)
    network.linear.weight[0, 0] = float("nan")
    with pytest.raises(ExportError, match="not finite"):
        archive.write_archives([described(network)], checkpoint, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_difference_is_a_share_of_the_deviation_and_never_hides_bad_values():
    theirs = torch.tensor([0.0, 2.0])  # deviation 1
    assert archive.difference(theirs + torch.tensor([0.0, 0.25]), theirs) == 0.25
    assert archive.difference(torch.full((2,), 3.0), torch.full((2,), 4.0)) == 0.25
    assert archive.difference(torch.ones(1), torch.zeros(1)) == 1
    assert archive.difference(theirs[:1], theirs) == float("inf")
    assert archive.difference(theirs * float("nan"), theirs) == float("inf")
    assert archive.difference(torch.zeros(0), torch.zeros(0)) == 0


# ---- command line --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [model.name for model in MODELS])
def test_help_shows_an_example_first(model, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args([model, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Example:"
    assert lines[1].startswith(f"  python -m persense_export {model} --checkpoint ")


def test_help_needs_no_pytorch(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch')", encoding="utf-8")
    package = str(pathlib.Path(archive.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{package}"}
    command = [sys.executable, "-m", "persense_export"]
    done = subprocess.run([*command, "--help"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("Example:")
    arguments = ["sam", "--checkpoint", "x", "-o", "y"]
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "persense_export: needs PyTorch to export a model: no torch\n"


@pytest.mark.parametrize("model", [model.name for model in MODELS])
def test_another_models_checkpoint_is_an_error_and_nothing_is_written(
    model, checkpoint, tmp_path, capsys
):
    folder = tmp_path / "models"
    assert main([model, "--checkpoint", str(checkpoint.path), "-o", str(folder)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"persense_export: {checkpoint.path}: not a ")
    assert error.count("\n") == 1
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_named(random_sam, save_checkpoint, tmp_path, capsys):
    file = save_checkpoint(random_sam.state_dict())
    assert main(["sam", "--checkpoint", str(file), "-o", str(file / "models")]) == 1
    error = capsys.readouterr().err
    assert error == f"persense_export: {file / 'models'}: cannot write there: Not a directory\n"
