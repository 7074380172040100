"""Reading checkpoints and writing TorchScript archives.

A model's exporter reads a checkpoint (:func:`read_checkpoint`), fills its network by key
(:func:`load_by_key`) and describes what shall be written as a list of :class:`Archive`;
:func:`write_archives` scripts, saves, reads back, compares and only then puts the files in place.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import io
import itertools
import json
import os
import pathlib
import pickle
import pickletools
import struct
import sys
import tempfile
import warnings
import zipfile
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

import torch
from torch import Tensor, nn

FORMAT = 1  #: of the manifest; readers refuse newer ones
MANIFEST = "persense.json"  #: name of the manifest among the archive's extra files
TOLERANCE = 1e-4  #: an archive may differ from its network by this share of the output's deviation
ALIGNMENT = 64  #: of every record in the file, as LibTorch's own writer keeps it


class ExportError(Exception):
    """Why nothing was written: one line that names the culprit."""


# ---- checkpoints ---------------------------------------------------------------------------------


@dataclasses.dataclass
class Checkpoint:
    """A state dict and where it came from."""

    path: pathlib.Path
    state: Dict[str, Tensor]
    sha256: str  #: of the file, hex


class _Ignored:
    """Stands in for whatever a checkpoint holds besides tensors (arguments, optimisers)."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, *_: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """Accept a list's items."""

    def extend(self, _: Any) -> None:
        """Accept a list's items."""


_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "UntypedStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def _rebuild_tensor(values: Tensor, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
    return torch.as_strided(values, size, stride, offset)


def _rebuild_parameter(data: Tensor, *_: Any) -> Tensor:
    return data


def _checked_pickle(content: bytes) -> bytes:
    """Refuse a number of an object that a pickle of this size cannot have.

    Python takes memory for as many objects: a few bytes may ask for gigabytes.
    """
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("PUT", "LONG_BINPUT") and not 0 <= argument <= len(content):
            raise pickle.UnpicklingError(f"an object with the number {argument}")
    return content


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles tensors in plain containers and runs nothing else that a file names.

    ``torch.load(weights_only=True)`` rejects the training arguments that research checkpoints carry
    beside the weights, and PyTorch 1.13.0 ignores the ``pickle_module`` it is given.
    """

    _known = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    }

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        content = _checked_pickle(archive.read(f"{folder}/data.pkl"))
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self._archive = archive
        self._folder = folder
        self._storages: Dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return _STORAGES[name]
        return self._known.get((module, name), _Ignored)

    def persistent_load(self, identity: Any) -> Tensor:
        """A storage's values as one row; ``zipfile`` checks their CRC."""
        _, dtype, key, _, _ = identity
        if key not in self._storages:
            content = bytearray(self._archive.read(f"{self._folder}/data/{key}"))
            if len(content) % torch.empty(0, dtype=dtype).element_size():
                raise ValueError(f"{len(content)} bytes of {dtype}")  # frombuffer says so on stderr
            values = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0)
            self._storages[key] = values.to(dtype)
        return self._storages[key]


def _load_safetensors(path: pathlib.Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ExportError(
            f"{path}: needs safetensors to read it (pip install safetensors)"
        ) from error
    return load_file(str(path))


def _load(path: pathlib.Path) -> Any:
    """What a checkpoint holds, with placeholders for all but tensors and plain containers."""
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    if not zipfile.is_zipfile(path):  # written by PyTorch before 1.6
        return torch.load(path, map_location="cpu", weights_only=True)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            raise ExportError(f"{path}: a TorchScript archive, expected a checkpoint (state dict)")
        folder = names[0].split("/")[0]
        return _TensorUnpickler(archive, folder).load()


def _sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _tensors(loaded: Any) -> Dict[str, Tensor]:
    """Tensors by key, from a state dict or a dictionary that holds one as "model" or the like."""
    if not isinstance(loaded, Mapping):
        return {}
    for key in ("model", "state_dict"):
        if isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    tensors = {key: value for key, value in loaded.items() if isinstance(value, Tensor)}
    parallel = "module."  # DataParallel's prefix
    if tensors and all(key.startswith(parallel) for key in tensors):
        tensors = {key[len(parallel) :]: value for key, value in tensors.items()}
    return tensors


def _weights_in(folder: pathlib.Path) -> pathlib.Path:
    """The weights in a folder as transformers keeps a model."""
    names = ("model.safetensors", "pytorch_model.bin")
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ExportError(f"{folder}: a folder without {' or '.join(names)}")


def read_checkpoint(path: os.PathLike[str]) -> Checkpoint:
    """Read the tensors of a PyTorch checkpoint; nothing else in the file is executed or kept.

    The file may be a safetensors file, or a folder as transformers keeps a model.
    Raises ExportError if the file is missing, unreadable, not a checkpoint or holds no tensors.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        path = _weights_in(path)
    try:
        sha256 = _sha256(path)
    except OSError as error:
        raise ExportError(f"{path}: cannot read it: {error.strerror}") from error
    try:
        loaded = _load(path)
    except ExportError:
        raise
    except Exception as error:  # whatever unpickling a damaged or foreign file may raise
        why = type(error).__name__
        raise ExportError(f"{path}: not a PyTorch checkpoint, or damaged ({why})") from error
    state = _tensors(loaded)
    if not state:
        raise ExportError(f"{path}: holds no state dict (a dictionary of tensors by key)")
    return Checkpoint(path, state, sha256)


def _some(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:3])
    return f"{shown}, ..." if len(keys) > 3 else shown


def load_by_key(
    network: nn.Module, checkpoint: Checkpoint, model: str, ignore: Sequence[str] = ()
) -> None:
    """Copy a checkpoint's tensors into ``network`` by key, and put it in evaluation mode.

    ``ignore`` names prefixes of keys that the network has no use for (a classifier's head).
    Raises ExportError unless every key and every shape fits.
    """
    own = network.state_dict()
    given = {k: v for k, v in checkpoint.state.items() if not k.startswith(tuple(ignore))}
    missing = [key for key in own if key not in given]
    unexpected = [key for key in given if key not in own]
    complaints = []
    if missing:
        complaints.append(f"{len(missing)} of {len(own)} keys missing ({_some(missing)})")
    if unexpected:
        complaints.append(f"{len(unexpected)} unexpected ({_some(unexpected)})")
    if complaints:
        raise ExportError(f"{checkpoint.path}: not a {model} checkpoint: {', '.join(complaints)}")
    for key, value in given.items():
        if value.shape != own[key].shape:
            got, expected = list(value.shape), list(own[key].shape)
            raise ExportError(
                f"{checkpoint.path}: {key} has shape {got}, expected {expected} in {model}"
            )
    network.load_state_dict(given)
    network.eval()
    network.requires_grad_(False)


# ---- archives ------------------------------------------------------------------------------------


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


@contextlib.contextmanager
def _known_deprecation() -> Iterator[None]:
    """Keep newer PyTorch's announcements that TorchScript is frozen from the user."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        yield


def _as_tuple(output: Any) -> Tuple[Tensor, ...]:
    return (output,) if isinstance(output, Tensor) else tuple(output)


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


def _compare(file: pathlib.Path, archive: Archive) -> float:
    """Largest difference between the file's module, in float32, and the network."""
    with _known_deprecation():
        module = torch.jit.load(str(file), map_location="cpu").float()
    worst = 0.0
    calls = itertools.chain((("forward", a) for a in archive.samples()), archive.calls())
    with torch.no_grad():
        for method, arguments in calls:
            expected = _as_tuple(getattr(archive.network, method)(*arguments))
            got = _as_tuple(getattr(module, method)(*arguments))
            if not all(bool(torch.isfinite(tensor).all()) for tensor in expected):
                raise ExportError(
                    f"{archive.file_name}: the network gives values that are not finite; is the "
                    "checkpoint damaged?"
                )
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


def _save(archive: Archive, file: pathlib.Path, half: bool) -> None:
    manifest = {"format": FORMAT, **archive.manifest, "dtype": "fp16" if half else "fp32"}
    with _known_deprecation():
        script = torch.jit.script(archive.network)
    if half:
        script.half()
    extra = {MANIFEST: json.dumps(manifest, indent=1), **archive.files}
    try:
        with _known_deprecation():
            script.save(str(file), _extra_files=extra)
    except RuntimeError as error:  # what LibTorch makes of a full disk
        raise OSError(errno.EIO, str(error).splitlines()[0]) from error
    finally:
        if half:
            script.float()  # the network shares these tensors


def _write(
    archive: Archive,
    checkpoint: Checkpoint,
    folder: pathlib.Path,
    scratch: pathlib.Path,
    half: bool,
) -> Tuple[pathlib.Path, float]:
    """Write one archive into ``scratch`` and check it there."""
    if half:
        _round_to_half(archive.network)
    final = scratch / archive.file_name
    raw = scratch / "raw" / archive.file_name  # the name becomes a folder's inside the archive
    raw.parent.mkdir(exist_ok=True)
    _save(archive, raw, half)
    _copy_without_paths(raw, final)
    raw.unlink()
    _require_no_paths(final, _local_folders(checkpoint, folder))
    return final, _compare(final, archive)


def write_archives(
    archives: Sequence[Archive],
    checkpoint: Checkpoint,
    folder: os.PathLike[str],
    half: bool = False,
    report: Callable[[str], None] = print,
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
            scratch = pathlib.Path(name)
            written = [_write(a, checkpoint, folder, scratch, half) for a in archives]
            for file, worst in written:
                target = folder / file.name
                os.replace(file, target)
                size = target.stat().st_size / 2**20
                report(f"{target}: {size:.1f} MiB, differs from the network by {worst:.1g}")
    except OSError as error:
        raise ExportError(f"{folder}: cannot write there: {error.strerror}") from error
    return [folder / archive.file_name for archive in archives]
