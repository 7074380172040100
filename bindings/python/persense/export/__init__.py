"""Export of published checkpoints to archives that persense runs without Python.

``python -m persense.export --help`` shows the models; :mod:`persense.export.archive` is what they
share.
"""
