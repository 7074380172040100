"""Writing TorchScript archives.

A model's exporter reads a checkpoint, fills its network by key (:mod:`checkpoints`) and describes
what shall be written as a list of :class:`Archive`; :func:`write_archives` scripts, saves, reads
back, compares and only then puts the files in place. ONNX models are made by :mod:`onnx_files`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import importlib
import itertools
import json
import os
import pathlib
import struct
import sys
import tempfile
import warnings
import zipfile
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

import torch
from torch import Tensor, nn

from persense_export.checkpoints import Checkpoint, ExportError
from persense_export.graphs import Graph, as_tuple

FORMATS = ("torchscript", "onnx")  #: what an archive can be written as
FORMAT = 1  #: of the manifest; readers refuse newer ones
WEIGHTS = ".data"  #: ends the name of a file of weights beside the model that they are of
MANIFEST = "persense.json"  #: name of the manifest among the archive's extra files
TOLERANCE = 1e-4  #: an archive may differ from its network by this share of the output's deviation
ALIGNMENT = 64  #: of every record in the file, as LibTorch's own writer keeps it


@dataclasses.dataclass
class Archive:
    """One archive to be written."""

    file_name: str  #: "encoder.pt"
    manifest: Dict[str, Any]  #: without "format" and "dtype"
    network: nn.Module  #: float32, in evaluation mode, scriptable
    samples: Callable[[], Iterable[Tuple[Any, ...]]]  #: arguments of ``forward`` to compare on
    #: further methods to compare, each with arguments
    calls: Callable[[], Iterable[Tuple[str, Tuple[Any, ...]]]] = tuple
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)  #: more extra files
    graphs: Callable[[], Mapping[str, Graph]] = dict  #: its ONNX models, by the method's name


@contextlib.contextmanager
def _known_deprecation() -> Iterator[None]:
    """Keep newer PyTorch's announcements that TorchScript is frozen from the user."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        yield


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Largest absolute difference as a share of ``theirs``' standard deviation.

    Infinite unless both have one shape and finite values. Where ``theirs`` is (nearly) constant
    its magnitude takes the deviation's place.
    """
    if ours.shape != theirs.shape or not bool(torch.isfinite(ours).all()):
        return float("inf")
    if not bool(torch.isfinite(theirs).all()):
        return float("inf")
    if theirs.numel() == 0:
        return 0.0
    ours, theirs = ours.double(), theirs.double()
    scale = float(theirs.std(unbiased=False)) or float(theirs.abs().max())
    largest = float((ours - theirs).abs().max())
    return largest / scale if scale > 0 else largest


def require_finite(archive: Archive, outputs: Sequence[Tensor]) -> None:
    """Raise ExportError unless all that a network gives is finite."""
    if not all(bool(torch.isfinite(tensor).all()) for tensor in outputs):
        raise ExportError(
            f"{archive.file_name}: the network gives values that are not finite; is the "
            "checkpoint damaged?"
        )


def _compare(file: pathlib.Path, archive: Archive) -> float:
    """Largest difference between the file's module, in float32, and the network."""
    with _known_deprecation():
        module = torch.jit.load(str(file), map_location="cpu").float()
    worst = 0.0
    calls = itertools.chain((("forward", a) for a in archive.samples()), archive.calls())
    with torch.no_grad():
        for method, arguments in calls:
            expected = as_tuple(getattr(archive.network, method)(*arguments))
            got = as_tuple(getattr(module, method)(*arguments))
            require_finite(archive, expected)
            if len(got) != len(expected):
                raise ExportError(
                    f"{archive.file_name}: gives {len(got)} outputs, the network {len(expected)}"
                )
            worst = max([worst, *(difference(g, e) for g, e in zip(got, expected))])
    if not worst <= TOLERANCE:
        raise ExportError(
            f"{archive.file_name}: the archive differs from the network by {worst:.2g} of the "
            f"output's deviation (at most {TOLERANCE:.0e} is accepted); nothing written"
        )
    return worst


def _copy_without_paths(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy an archive without its debug records, which hold the paths of this machine's files.

    Records stay uncompressed and aligned, as LibTorch expects them; dates are left out, so that
    the same checkpoint gives the same bytes.
    """
    with zipfile.ZipFile(source) as old, target.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as new:
            for entry in old.infolist():
                if entry.filename.endswith(".debug_pkl"):
                    continue
                record = zipfile.ZipInfo(entry.filename)  # dated 1980-01-01
                header = 30 + len(entry.filename.encode()) + 4  # 4: of the padding's own header
                padding = -(file.tell() + header) % ALIGNMENT
                record.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
                new.writestr(record, old.read(entry))
        file.flush()
        os.fsync(file.fileno())


def _local_folders(checkpoint: Checkpoint, folder: pathlib.Path) -> List[bytes]:
    places = {
        pathlib.Path(__file__).parents[1],
        pathlib.Path(torch.__file__).parent,
        pathlib.Path(sys.prefix),
        pathlib.Path(tempfile.gettempdir()),
        pathlib.Path.home(),
        pathlib.Path.cwd(),
        checkpoint.path.resolve().parent,
        folder.resolve(),
    }
    return sorted(f"{place}/".encode() for place in places if place != pathlib.Path(place.anchor))


def _require_no_paths(file: pathlib.Path, folders: Sequence[bytes]) -> None:
    """Look through everything but the tensors' bytes."""
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if "/data/" in name or "/constants/" in name:
                continue
            text = archive.read(name)
            for folder in folders:
                if folder in text:
                    where = folder.decode(errors="replace")
                    raise ExportError(f"{file.name}: {name} holds the local path {where}")


def _round_to_half(network: nn.Module) -> None:
    """Round a network's weights to float16 in place, keeping them float32."""
    for tensor in [*network.parameters(), *network.buffers()]:
        if tensor.is_floating_point():
            tensor.data.copy_(tensor.data.half())


def manifest_text(archive: Archive, half: bool, more: Mapping[str, Any] = {}) -> str:
    """The manifest as a file holds it."""
    dtype = "fp16" if half else "fp32"
    return json.dumps({"format": FORMAT, **archive.manifest, "dtype": dtype, **more}, indent=1)


def _save(archive: Archive, file: pathlib.Path, half: bool) -> None:
    with _known_deprecation():
        script = torch.jit.script(archive.network)
    if half:
        script.half()
    extra = {MANIFEST: manifest_text(archive, half), **archive.files}
    try:
        with _known_deprecation():
            script.save(str(file), _extra_files=extra)
    except RuntimeError as error:  # what LibTorch makes of a full disk
        raise OSError(errno.EIO, str(error).splitlines()[0]) from error
    finally:
        if half:
            script.float()  # the network shares these tensors


def require_packages(formats: Sequence[str]) -> None:
    """Raise ExportError unless what these formats need is installed."""
    if "onnx" in formats:
        importlib.import_module("persense_export.onnx_files")


def _write_torchscript(
    archive: Archive, folders: Sequence[bytes], scratch: pathlib.Path, half: bool
) -> Tuple[List[pathlib.Path], float]:
    """Write one archive into ``scratch`` and check it there."""
    final = scratch / archive.file_name
    raw = scratch / "raw" / archive.file_name  # the name becomes a folder's inside the archive
    raw.parent.mkdir(exist_ok=True)
    _save(archive, raw, half)
    _copy_without_paths(raw, final)
    raw.unlink()
    _require_no_paths(final, folders)
    return [final], _compare(final, archive)


def _write(
    archive: Archive, form: str, folders: Sequence[bytes], scratch: pathlib.Path, half: bool
) -> Tuple[List[pathlib.Path], float]:
    if half:
        _round_to_half(archive.network)
    if form == "torchscript":
        return _write_torchscript(archive, folders, scratch, half)
    from persense_export import onnx_files  # needs packages that nothing else does

    return onnx_files.write(archive, folders, scratch, half)


def _remove_unused_weights(folder: pathlib.Path, files: Sequence[pathlib.Path]) -> None:
    """Remove what an earlier export put beside a model that holds its weights itself now."""
    names = {file.name for file in files}
    for name in names:
        if name + WEIGHTS not in names:
            (folder / (name + WEIGHTS)).unlink(missing_ok=True)


def write_archives(
    archives: Sequence[Archive],
    checkpoint: Checkpoint,
    folder: os.PathLike[str],
    half: bool = False,
    report: Callable[[str], None] = print,
    formats: Sequence[str] = FORMATS[:1],
) -> List[pathlib.Path]:
    """Write archives into ``folder``: all of them, each checked against its network, or none.

    ``half`` stores float16 weights (and rounds the networks' own to the same values, which is what
    the comparison is made with). ``report`` is given one line a file.
    Raises ExportError if the folder cannot be written or an archive differs from its network.
    """
    folder = pathlib.Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".persense-", dir=folder) as name:
            scratch, paths = pathlib.Path(name), _local_folders(checkpoint, folder)
            written = [_write(a, f, paths, scratch, half) for a in archives for f in formats]
            for files, worst in written:
                for file in files:
                    target = folder / file.name
                    os.replace(file, target)
                    size = target.stat().st_size / 2**20
                    report(f"{target}: {size:.1f} MiB, differs from the network by {worst:.1g}")
                _remove_unused_weights(folder, files)
    except OSError as error:
        raise ExportError(f"{folder}: cannot write there: {error.strerror}") from error
    return [folder / file.name for files, _ in written for file in files]
