#!/usr/bin/env python3
"""ONNX models against the TorchScript archives beside them: difference, time and memory.

usage: PYTHONPATH=bindings/python/training benchmarks/runtimes.py FOLDER [--threads 2] [--rounds 3]

FOLDER is what ``python -m persense_export MODEL --format both`` wrote: encoder, decoder, mini. Each
runtime has a process of its own; a round runs every call once, after one that is not measured. Time
is the least of all rounds, memory the most that the process ever had.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from typing import Any, Callable, Dict, List, Sequence, Tuple

Call = Tuple[str, Sequence[Any]]


def torchscript(file: pathlib.Path, calls: pathlib.Path, threads: int) -> List[Callable[[], Any]]:
    """What runs each call of a file with PyTorch."""
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    torch._C._jit_set_profiling_executor(False)  # as the library: no time for shapes that change
    torch._C._set_graph_executor_optimize(False)
    module = torch.jit.load(str(file)).float().eval()
    given: List[Call] = torch.load(str(calls / "calls.pt"))
    return [lambda m=method, a=arguments: getattr(module, m)(*a) for method, arguments in given]


def onnx(file: pathlib.Path, calls: pathlib.Path, threads: int) -> List[Callable[[], Any]]:
    """What runs each call of a file with ONNX Runtime."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # a third less memory, no more time
    providers = ["CPUExecutionProvider"]
    sessions: Dict[str, Any] = {}
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as models:
            for name in models.namelist():
                if name.endswith(".onnx"):
                    session = onnxruntime.InferenceSession(models.read(name), options, providers)
                    sessions[name[: -len(".onnx")]] = session
    else:
        sessions["forward"] = onnxruntime.InferenceSession(str(file), options, providers)
    runs = []
    for name in sorted(calls.glob("[0-9]*.npz"), key=lambda path: int(path.name.split(".")[0])):
        session = sessions[name.name.split(".")[1]]
        with numpy.load(name) as held:
            arrays = [held[f"arr_{place}"] for place in range(len(held.files))]
        feed = {given.name: array for given, array in zip(session.get_inputs(), arrays)}
        runs.append(lambda s=session, f=feed: s.run(None, f))
    return runs


def measure(runtime: str, file: pathlib.Path, calls: pathlib.Path, options: Any) -> None:
    """The body of a process: prints what it measured, and keeps the outputs of the first calls."""
    import numpy

    runs = {"torchscript": torchscript, "onnx": onnx}[runtime](file, calls, options.threads)
    outputs: List[Any] = []
    for run in runs:
        found = run()
        outputs += list(found) if isinstance(found, (list, tuple)) else [found]
    numpy.savez(calls / f"{runtime}.outputs", *(numpy.asarray(output) for output in outputs))
    best = float("inf")
    for _ in range(options.rounds):
        before = time.perf_counter()
        for run in runs:
            run()
        best = min(best, time.perf_counter() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": best, "MiB": peak}))


def calls_of(file: pathlib.Path) -> Tuple[List[Call], Callable[[Call], Sequence[Any]]]:
    """The exporter's own samples, and how they are given to an ONNX model."""
    import torch

    from persense_export import mini, sam
    from persense_export.graphs import as_they_are
    from persense_export.graphs import sam as graphs
    from persense_export.networks import mini as networks

    if file.stem == "mini":
        module = torch.jit.load(str(file)).float().eval()
        image = torch.rand(1, 3, 768, 1024)  # a level as of a photograph, and a few candidates
        features = module.trunk(image)
        conditioning = module.conditioning(torch.randn(1, networks.PROTOTYPE))
        calls = [("trunk", (image,)), ("maps", (*features, conditioning))]
        return [*calls, *mini._candidates(module)], lambda call: as_they_are(call[1])
    extra = {"persense.json": ""}
    torch.jit.load(str(file), _extra_files=extra)
    manifest = json.loads(extra["persense.json"])
    size, channels = manifest["input"]["size"], manifest["output"]["channels"]
    if file.stem == "encoder":
        images = list(sam.encoder_samples(size, False))[:1]
        return [("forward", image) for image in images], lambda call: call[1]
    samples = [
        (torch.randn(1, channels, size // 16, size // 16), *rest)
        for _, *rest in sam.decoder_samples(channels, 4 * size)
    ]
    return [("forward", sample) for sample in samples], lambda call: graphs.feed(call[1])


def compare(file: pathlib.Path, model: pathlib.Path, options: argparse.Namespace) -> None:
    """A line of the table."""
    import numpy
    import torch

    from persense_export.archive import difference

    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder = pathlib.Path(name)
        calls, feed = calls_of(file)
        torch.save(calls, str(folder / "calls.pt"))
        for number, call in enumerate(calls):
            arrays = [tensor.contiguous().numpy() for tensor in feed(call)]
            numpy.savez(folder / f"{number}.{call[0]}.npz", *arrays)
        found = {}
        for runtime, source in (("torchscript", file), ("onnx", model)):
            command = [sys.executable, __file__, str(source), "--runtime", runtime]
            command += ["--calls", name, "--threads", str(options.threads)]
            command += ["--rounds", str(options.rounds)]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            found[runtime] = json.loads(printed)
        outputs = [numpy.load(folder / f"{runtime}.outputs.npz") for runtime in found]
        worst = max(
            difference(torch.from_numpy(outputs[1][each]), torch.from_numpy(outputs[0][each]))
            for each in outputs[0].files
        )
    a, b = found["torchscript"], found["onnx"]
    print(
        f"{file.stem:8} {worst:10.1g} {a['seconds']:11.2f} {b['seconds']:6.2f}"
        f" {b['seconds'] / a['seconds']:7.2f} {a['MiB']:11.0f} {b['MiB']:5.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runtime", help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.runtime:
        measure(options.runtime, options.folder, options.calls, options)
        return
    print("                    --------- seconds --------  --- peak MiB ---")
    print("model    difference TorchScript   ONNX   ratio TorchScript  ONNX")
    for stem, suffix in (("encoder", ".onnx"), ("decoder", ".onnx"), ("mini", ".onnx.zip")):
        file, model = options.folder / f"{stem}.pt", options.folder / f"{stem}{suffix}"
        if file.is_file() and model.is_file():
            compare(file, model, options)


if __name__ == "__main__":
    main()
