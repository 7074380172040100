"""Export of published checkpoints to archives that persense runs without Python.

``python -m persense_export --help`` shows the models; :mod:`persense_export.archive` is what they
share.
"""
