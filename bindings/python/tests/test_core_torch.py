"""One process, one LibTorch."""

from __future__ import annotations

import pathlib

import pytest
from samples import DATA, persense
from test_core_processes import run_python

needs_torch = pytest.mark.skipif(
    not persense.has_torch(), reason="this build of the package has no LibTorch"
)


@pytest.fixture
def other_torch(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with something that calls itself PyTorch 0.1.2."""
    package = tmp_path / "site" / "torch"
    package.mkdir(parents=True)
    (package / "version.py").write_text("__version__ = '0.1.2+other'\n")
    (package / "__init__.py").write_text("from torch.version import __version__\n")
    return package.parent


@needs_torch
def test_networks_beside_another_pytorch_are_refused(other_torch: pathlib.Path) -> None:
    done = run_python(
        """
        import sys; sys.path.insert(0, sys.argv[1])
        import torch, persense
        Pipeline = persense.Pipeline
        asks = (
            lambda: persense.info("a.pt"), lambda: Pipeline("classic", dmg="a.pt"),
            lambda: Pipeline(device="cuda"), lambda: Pipeline("mini", dtype="bf16"),
            lambda: Pipeline("classic", encoder="mini", device="cuda"),
        )
        for ask in asks:
            try: ask()
            except persense.InvalidArgument as error: print(error)
        beans = sys.argv[2]
        support = persense.Pipeline("classic").support(beans + "/00.jpg", beans + "/00.png")
        print(len(support.segment(beans + "/01.jpg")) > 0)
        """,
        other_torch,
        DATA / "beans",
    )
    *lines, segmented = done.stdout.splitlines()
    assert len(lines) == 5 and segmented == "True", done.stderr
    for line in lines:
        assert line.startswith("torch: PyTorch 0.1.2+other and the LibTorch ")
        assert persense._core.torch_version in line
        assert "pip install" in line and 'models="mini"' in line


@needs_torch
def test_another_pytorch_after_an_archive_is_an_import_error(other_torch: pathlib.Path) -> None:
    done = run_python(
        """
        import sys; sys.path.insert(0, sys.argv[1])
        import persense
        try: persense.info("none.pt")
        except FileNotFoundError as error: print("first", error)
        try: import torch
        except ImportError as error: print(error)
        import json, statistics  # others are imported as before
        """,
        other_torch,
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("first") and "none.pt" in first, done.stderr
    assert second.startswith("torch: PyTorch 0.1.2+other and the LibTorch ")
    assert done.returncode == 0, done.stderr


def test_builds_without_libtorch_say_so() -> None:
    if persense.has_torch():
        assert persense._core.torch_version
        return
    assert persense._core.torch_version == ""
    with pytest.raises(persense.InvalidArgument, match="without LibTorch"):
        persense.Pipeline(dmg="a.pt")
    with pytest.raises(persense.InvalidArgument, match='models="mini"'):
        persense.Pipeline("mini", device="cuda")


def test_importing_the_package_never_loads_libtorch() -> None:
    done = run_python(
        """
        import persense
        persense.options(), persense.has_torch(), persense.Pipeline
        print("torch" in open("/proc/self/maps").read())
        """
    )
    assert done.stdout == "False\n", done.stderr


@needs_torch
def test_a_fork_cannot_run_mini_where_libtorch_runs_it() -> None:
    done = run_python(
        """
        import os, sys, persense
        beans = sys.argv[1]
        support = persense.Pipeline(dtype="bf16").support(beans + "/00.jpg", beans + "/00.png")
        print("torch" in open("/proc/self/maps").read(), flush=True)
        child = os.fork()
        if child == 0:
            try: support.segment(beans + "/01.jpg")
            except persense.InvalidArgument as error: print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        """,
        DATA / "beans",
    )
    loaded, refused = done.stdout.splitlines()
    assert loaded == "True", done.stderr
    assert refused.startswith("networks: this process is a fork of one that loaded some")


def test_classic_pipelines_never_load_libtorch() -> None:
    done = run_python(
        """
        import sys, persense
        beans = sys.argv[1]
        support = persense.Pipeline("classic").support(beans + "/00.jpg", beans + "/00.png")
        support.segment(beans + "/01.jpg")
        print("torch" in open("/proc/self/maps").read())
        """,
        DATA / "beans",
    )
    assert done.stdout == "False\n", done.stderr


def test_archives_in_a_fork_of_a_process_that_loaded_one_are_refused() -> None:
    done = run_python(
        """
        import os
        import persense
        from persense import InvalidArgument, _torch
        try: persense.info("none.pt")  # would load LibTorch
        except persense.Error: pass
        _torch.require_one_process()
        child = os.fork()
        if child == 0:
            try: _torch.require_one_process()
            except InvalidArgument as error: print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        """
    )
    assert done.stdout.startswith("networks: this process is a fork of one that loaded some")
    assert "spawn" in done.stdout and done.stderr == ""
