"""One process, one LibTorch: two versions of it in one process end the process."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import pathlib
import re
import sys
import types
from typing import Optional, Sequence

from persense import _core
from persense.errors import InvalidArgument

__all__ = ["require_one_version"]


def _release(version: str) -> str:
    # what stands after it names a build of the same sources, as in 2.15.0+cu132 or 1.13.0a0
    found = re.match(r"\d+\.\d+(\.\d+)?", version)
    return found.group() if found else version


def _conflict(pytorch: str) -> Optional[str]:
    if not _core.torch_version or _release(pytorch) == _release(_core.torch_version):
        return None
    return (
        f"torch: PyTorch {pytorch} and the LibTorch {_core.torch_version} that persense was built "
        "with cannot be in one process; expected the same version: build persense again in this "
        "environment with pip install --force-reinstall --no-deps ./bindings/python"
    )


class _Guard(importlib.abc.MetaPathFinder):
    """Refuses to import another version of PyTorch once persense has loaded its LibTorch."""

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]],
        target: Optional[types.ModuleType] = None,
    ) -> None:
        if fullname != "torch":
            return
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.origin is None:
            return
        file = pathlib.Path(spec.origin).with_name("version.py")
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        version = re.search(r"^__version__ = ['\"](.+)['\"]", text, re.MULTILINE)
        conflict = _conflict(version.group(1)) if version else None
        if conflict:
            raise ImportError(conflict, name=fullname, path=spec.origin)


def require_one_version() -> None:
    """Call before anything that loads LibTorch.

    Raises InvalidArgument where another version of PyTorch was imported; one that is imported later
    raises ImportError.
    """
    torch = sys.modules.get("torch")
    conflict = _conflict(str(torch.__version__)) if torch is not None else None
    if conflict:
        raise InvalidArgument(conflict)
    if not any(isinstance(finder, _Guard) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Guard())
