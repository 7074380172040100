"""One process, one LibTorch: two versions of it in one process end the process."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import pathlib
import re
import sys
import types
from typing import Optional, Sequence

from persense import _core
from persense.errors import InvalidArgument

__all__ = ["require_one_process", "require_one_version"]

_process: Optional[int] = None  # that loaded LibTorch; its forks inherit the number


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
        "environment with pip install --force-reinstall --no-deps ./bindings/python, or do without "
        'LibTorch, on the CPU in fp32: models="mini"'
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

    Raises InvalidArgument where another version of PyTorch was imported (one that is imported later
    raises ImportError), and as require_one_process.
    """
    require_one_process()
    torch = sys.modules.get("torch")
    conflict = _conflict(str(torch.__version__)) if torch is not None else None
    if conflict:
        raise InvalidArgument(conflict)
    if not any(isinstance(finder, _Guard) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Guard())


def require_one_process() -> None:
    """Call before LibTorch loads or runs a network.

    Raises InvalidArgument in a fork of a process that loaded one: LibTorch's threads are not
    forked, and the child would wait for them for ever.
    """
    global _process
    if _process is None:
        _process = os.getpid()
    if _process != os.getpid():
        raise InvalidArgument(
            "networks: this process is a fork of one that loaded some, whose threads were not "
            'forked; expected a process that was started anew: multiprocessing.get_context("spawn")'
        )
