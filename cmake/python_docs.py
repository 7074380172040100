"""Documentation of the Python package with pdoc, from the sources alone: the compiled half of the package is
replaced by its stub, which has the same signatures and docstrings.

usage: python_docs.py PACKAGE_FOLDER OUTPUT_FOLDER
"""

import importlib.machinery
import importlib.util
import pathlib
import sys
import warnings

import pdoc

package, output = (pathlib.Path(argument) for argument in sys.argv[1:])
sys.path.insert(0, str(package.parent))
loader = importlib.machinery.SourceFileLoader("persense._core", str(package / "_core.pyi"))
module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
sys.modules[loader.name] = module
loader.exec_module(module)
# Types of packages that are not installed (matplotlib, pandas) stay as they are written.
warnings.filterwarnings("ignore", module="pdoc.doc_types")
pdoc.render.configure(docformat="google")
pdoc.pdoc("persense", "persense.stages", "persense.labelme", output_directory=output)
