"""persense: segment every object like the one you point at, in dense images.

    import persense

    pipeline = persense.Pipeline()
    support = pipeline.support("support.jpg", box=(10, 20, 60, 80))  # or a mask, point, outline
    result = support.segment("shelf.jpg")
    print(len(result), result.boxes, result.scores)

Images are paths, PIL images or NumPy arrays: uint8 of shape (H, W, 3), RGB, or (H, W), grey.
persense.as_image converts arrays of other types and shapes.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, Dict, List

from persense.errors import (
    BadModel,
    Cancelled,
    DeviceUnavailable,
    Error,
    FileNotFound,
    InternalError,
    InvalidArgument,
    OutOfMemory,
    Unreadable,
    Unwritable,
)

if TYPE_CHECKING:
    from persense._archives import ArchiveInfo, has_torch, info
    from persense._convert import as_image
    from persense._examples import Example, SupportExample
    from persense._images import image_window, page_count, read_image, read_labels, read_mask
    from persense._label import (
        ClassLabel,
        ClassLabelExtractor,
        all_phrase,
        has_label_extraction,
        label_from_answer,
    )
    from persense._options import Option, options
    from persense._pipeline import Pipeline
    from persense._query import Query
    from persense._steps import IdmResult, PpsmResult, idm, ppsm
    from persense._support import Segmented, Support
    from persense.labelme import Annotations, read_examples, read_labelme
    from persense.result import Instance, Mask, Result, Trace, TracePass

# Threads of a network that wait for each other without pause are slow wherever anything else runs.
# Read when LibTorch is loaded, so it has no effect after `import torch`.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"

__all__ = [
    "Annotations",
    "ArchiveInfo",
    "BadModel",
    "Cancelled",
    "ClassLabel",
    "ClassLabelExtractor",
    "DeviceUnavailable",
    "Error",
    "Example",
    "FileNotFound",
    "IdmResult",
    "Instance",
    "InternalError",
    "InvalidArgument",
    "Mask",
    "Option",
    "OutOfMemory",
    "Pipeline",
    "PpsmResult",
    "Query",
    "Result",
    "Segmented",
    "Support",
    "SupportExample",
    "Trace",
    "TracePass",
    "Unreadable",
    "Unwritable",
    "__version__",
    "all_phrase",
    "as_image",
    "has_label_extraction",
    "has_torch",
    "idm",
    "image_window",
    "info",
    "label_from_answer",
    "options",
    "page_count",
    "ppsm",
    "read_examples",
    "read_image",
    "read_labelme",
    "read_labels",
    "read_mask",
]

# Imported at first use: `python -m persense` starts without NumPy.
_MODULES: Dict[str, str] = {
    "Annotations": "labelme",
    "ArchiveInfo": "_archives",
    "ClassLabel": "_label",
    "ClassLabelExtractor": "_label",
    "Example": "_examples",
    "IdmResult": "_steps",
    "Instance": "result",
    "Mask": "result",
    "Option": "_options",
    "Pipeline": "_pipeline",
    "PpsmResult": "_steps",
    "Query": "_query",
    "Result": "result",
    "Segmented": "_support",
    "Support": "_support",
    "SupportExample": "_examples",
    "Trace": "result",
    "TracePass": "result",
    "all_phrase": "_label",
    "as_image": "_convert",
    "has_label_extraction": "_label",
    "has_torch": "_archives",
    "idm": "_steps",
    "image_window": "_images",
    "info": "_archives",
    "label_from_answer": "_label",
    "options": "_options",
    "page_count": "_images",
    "ppsm": "_steps",
    "read_examples": "labelme",
    "read_image": "_images",
    "read_labelme": "labelme",
    "read_labels": "_images",
    "read_mask": "_images",
}


def __getattr__(name: str) -> Any:
    if name == "_core":
        return _import_core()
    if name not in _MODULES:
        raise AttributeError(f"module 'persense' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"persense.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def _import_core() -> Any:
    try:
        return importlib.import_module("persense._core")
    except ModuleNotFoundError as error:
        if error.name != "persense._core":
            raise
        raise ImportError(
            f"persense._core: no compiled module for this Python in {__path__[0]}; expected an "
            "installed package: pip install ./bindings/python"
        ) from None


def __dir__() -> List[str]:
    return sorted(set(globals()) | set(__all__))
