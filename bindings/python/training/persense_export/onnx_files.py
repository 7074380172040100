"""Writing ONNX models, of the graphs that an archive has (:mod:`persense_export.graphs`).

An archive of one graph becomes a file that any ONNX runtime reads. One with several methods becomes
a zip, uncompressed, of a model for each of them: one file, replaced as one, from which a program
gives a runtime the bytes that it needs. The manifest, and what else a TorchScript archive holds
beside its network, are in each model's ``metadata_props`` under the same names.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
import os
import pathlib
import warnings
import zipfile
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy
import torch
from torch import Tensor

from persense_export import archive as archives
from persense_export.archive import Archive, difference
from persense_export.checkpoints import ExportError
from persense_export.graphs import METHOD, Graph, as_tuple

try:
    import onnx
    import onnxruntime
    from onnx import numpy_helper
except ImportError as error:
    raise ExportError(
        f"--format onnx: needs {error.name}: pip install onnx onnxruntime (with PyTorch 1.13 also "
        "'numpy<2')"
    ) from error

OPSET = 17  #: the newest that PyTorch 1.13 writes
#: A model may differ from its network by this share of the output's deviation: sums are taken in
#: another order, by other kernels.
TOLERANCE = 1e-3
LIMIT = (1 << 31) - (1 << 24)  #: bytes of weights that fit in one file; the format ends at 2 GiB
SMALLEST = 1024  #: bytes of a weight that is kept beside such a model

# ---- tracing -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _known_warnings() -> Iterator[None]:
    """Keep from the user that TorchScript's exporter is the older one, and what tracing fears:
    whether a graph depends on its example's shapes is what the comparison shows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _dynamic_axes(graph: Graph) -> Dict[str, Dict[int, str]]:
    return {
        name: {axis: of for axis, of in enumerate(shape) if isinstance(of, str)}
        for name, shape in itertools.chain(graph.inputs.items(), graph.outputs.items())
    }


def _trace(graph: Graph, inputs: Tuple[Tensor, ...], file: pathlib.Path) -> onnx.ModelProto:
    """The graph as PyTorch records it for these inputs; it may need files of its own for weights."""
    options: Dict[str, Any] = {}
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    with _known_warnings(), torch.no_grad():
        torch.onnx.export(
            graph.network.eval(),
            inputs,
            str(file),
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes=_dynamic_axes(graph),
            training=torch.onnx.TrainingMode.PRESERVE,  # else weights are merged, and no longer half
            **options,
        )
    return onnx.load(str(file))


def _halve(model: onnx.ModelProto) -> None:
    """Store the weights that float16 holds exactly as such; runtimes enlarge them once, on loading.

    Numbers that the exporter computed of weights stay as they are.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with numpy.errstate(over="ignore"):  # infinite then, which is another number
            half = values.astype("float16")
        if values.size < 2 or not (half.astype("float32") == values).all():
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _require_no_paths(model: onnx.ModelProto, name: str, folders: Sequence[bytes]) -> None:
    """Look through everything but the weights."""
    for node in model.graph.node:
        text = node.SerializeToString()
        for folder in folders:
            if folder in text:
                where = folder.decode(errors="replace")
                raise ExportError(f"{name}: the operator {node.name} holds the local path {where}")


# ---- comparison ----------------------------------------------------------------------------------


def session(file: pathlib.Path) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the CPU, on as many threads as PyTorch has."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    options.enable_mem_pattern = False  # a third less memory, no more time
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def run(model: onnxruntime.InferenceSession, inputs: Sequence[Tensor]) -> Tuple[Tensor, ...]:
    """The outputs for inputs in the graph's order."""
    names = [given.name for given in model.get_inputs()]
    feed = {name: tensor.contiguous().numpy() for name, tensor in zip(names, inputs)}
    return tuple(torch.from_numpy(output) for output in model.run(None, feed))


def _samples(archive: Archive) -> Dict[str, List[Sequence[Any]]]:
    """The arguments that each method is compared on."""
    samples: Dict[str, List[Sequence[Any]]] = {METHOD: list(archive.samples())}
    with torch.no_grad():
        for method, arguments in archive.calls():
            samples.setdefault(method, []).append(arguments)
    return samples


def _difference(
    archive: Archive,
    method: str,
    graph: Graph,
    file: pathlib.Path,
    samples: Sequence[Sequence[Any]],
) -> float:
    """Largest difference between a model and the network's method."""
    model = session(file)
    worst = 0.0
    with torch.no_grad():
        for arguments in samples:
            got = run(model, graph.feed(arguments))
            if graph.compare:
                worst = max(worst, graph.compare(archive.network, arguments, got))
                continue
            expected = as_tuple(getattr(archive.network, method)(*arguments))
            archives.require_finite(archive, expected)
            worst = max([worst, *(difference(g, e) for g, e in zip(got, expected))])
    return worst


# ---- files ---------------------------------------------------------------------------------------


def _write_model(
    graph: Graph,
    samples: Sequence[Sequence[Any]],
    file: pathlib.Path,
    texts: Dict[str, str],
    half: bool,
) -> onnx.ModelProto:
    """Write one model; its weights beside it, in ``<file>.data``, where a file cannot hold them."""
    inputs = max(map(graph.feed, samples), key=lambda tensors: sum(t.numel() for t in tensors))
    raw = file.parent / f"raw-{file.name}"
    raw.mkdir()
    model = _trace(graph, inputs, raw / file.name)
    for part in raw.iterdir():
        part.unlink()
    raw.rmdir()
    if half:
        _halve(model)
    onnx.helper.set_model_props(model, texts)
    large = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > LIMIT
    onnx.save_model(
        model,
        str(file),
        save_as_external_data=large,
        location=file.name + archives.WEIGHTS,
        size_threshold=SMALLEST,
    )
    return model


def _zip(files: Sequence[pathlib.Path], manifest: str, target: pathlib.Path) -> None:
    """Put models into one file, without dates, so that the same checkpoint gives the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as parts:
        parts.writestr(zipfile.ZipInfo(archives.MANIFEST), manifest)
        for file in files:
            parts.writestr(zipfile.ZipInfo(file.name), file.read_bytes())
            file.unlink()


def write(
    archive: Archive, folders: Sequence[bytes], scratch: pathlib.Path, half: bool
) -> Tuple[List[pathlib.Path], float]:
    """Write an archive's models into ``scratch`` and check them there.

    Gives the files, in the order in which they shall be put in place, and the largest difference.
    Raises ExportError if a model differs from its network.
    """
    graphs, samples = archive.graphs(), _samples(archive)
    stem = pathlib.Path(archive.file_name).stem
    files: List[pathlib.Path] = []
    worst = 0.0
    manifest = ""
    for method, graph in graphs.items():
        file = scratch / (f"{stem}.onnx" if method == METHOD else f"{method}.onnx")
        absent = {"absent": dict(graph.absent)} if graph.absent else {}
        manifest = archives.manifest_text(archive, half, absent)
        texts = {archives.MANIFEST: manifest, **archive.files}
        model = _write_model(graph, samples[method], file, texts, half)
        _require_no_paths(model, file.name, folders)
        differs = _difference(archive, method, graph, file, samples[method])
        if not differs <= TOLERANCE:
            raise ExportError(
                f"{file.name}: the model differs from the network by {differs:.2g} of the output's "
                f"deviation (at most {TOLERANCE:.0e} is accepted); nothing written"
            )
        worst = max(worst, differs)
        files.append(file)
    if METHOD not in graphs:
        _zip(files, manifest, scratch / f"{stem}.onnx.zip")
        files = [scratch / f"{stem}.onnx.zip"]
    beside = [file.with_name(file.name + archives.WEIGHTS) for file in files]
    weights = [file for file in beside if file.exists()]
    for file in weights:
        file.chmod(files[0].stat().st_mode)  # onnx lets none but the user read it
    files = [*weights, *files]
    for file in files:
        with file.open("rb") as written:
            os.fsync(written.fileno())
    return files, worst
