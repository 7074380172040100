"""Scriptable PyTorch definitions of the published networks.

Each is written anew and loads the official state dict by key. They use plain PyTorch operators
only, hold no device and no dtype of their own (``network.to(device, dtype)`` is enough), and run on
LibTorch 1.13 and newer. PyTorch is needed to export a model, not to use one.
"""
