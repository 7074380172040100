"""Reading published checkpoints: weights by key, and nothing that a file would run."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import pathlib
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from typing import Any, Dict, Mapping, Sequence

import torch
from torch import Tensor, nn


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
        if opcode.name in ("PUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= len(content):
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
