"""The small network's weights while it is trained."""

from __future__ import annotations

import copy
import os
from typing import Any, Dict, Sequence

import torch
from torch import Tensor, nn

from persense_export.networks import mini

__all__ = ["Model", "network_of"]


def weights_of(path: str) -> Dict[str, Any]:
    """The weights in an exported mini.pt or a run's weights.pt, by name.

    Raises ValueError where there is no such file.
    """
    if not os.path.isfile(path):
        raise ValueError(f"weights: got {path}, expected a file")
    try:
        return dict(torch.jit.load(path, map_location="cpu").named_parameters())
    except RuntimeError:
        found: Dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return found


def network_of(path: str) -> mini.Mini:
    """The network with the weights of a file. Raises ValueError where they are not its own."""
    net: mini.Mini = mini.Mini()
    given, own = weights_of(path), dict(net.named_parameters())
    if {n: w.shape for n, w in given.items()} != {n: w.shape for n, w in own.items()}:
        raise ValueError(f"weights: got {path}, expected the weights of this network")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(given[name])
    net.to(memory_format=torch.channels_last).eval()
    return net


class Model:
    """The network in bfloat16, its weights in float32, and their running average."""

    def __init__(self, device: torch.device, rate: float) -> None:
        full = mini.Mini().to(device).to(memory_format=torch.channels_last)
        self.dtype = torch.bfloat16
        self.net = copy.deepcopy(full).to(self.dtype)
        self.full = [p.detach().clone().requires_grad_() for p in full.parameters()]
        self.average = [p.detach().clone() for p in self.full]
        decayed = [p for p in self.full if p.ndim > 1]
        others = [p for p in self.full if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0}]
        options: Dict[str, Any] = {"lr": rate, "betas": (0.9, 0.98)}
        try:
            self.optimizer = torch.optim.AdamW(groups, fused=True, **options)
        except (RuntimeError, TypeError):  # of older PyTorch, on the CPU
            self.optimizer = torch.optim.AdamW(groups, **options)
        self.load(self.full)

    def load(self, weights: Sequence[Tensor]) -> None:
        """Put float32 weights into the network."""
        with torch.no_grad():
            for own, given in zip(self.net.parameters(), weights):
                own.copy_(given)

    def start(self, path: str) -> int:
        """Begin with the weights of a file wherever names and shapes fit; give their number."""
        theirs = weights_of(path)
        fitting = 0
        with torch.no_grad():
            for (name, _), full, average in zip(
                self.net.named_parameters(), self.full, self.average
            ):
                given = theirs.get(name)
                if given is None or given.shape[1:] != full.shape[1:] or len(given) > len(full):
                    continue
                for own in (full, average):  # a head may have got more channels
                    own[: len(given)].copy_(given)
                fitting += given.numel()
        self.load(self.full)
        return fitting

    def step(self, rate: float, steps: int) -> float:
        """One step along the gradients that lie in the network; gives their length."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for full, own in zip(self.full, self.net.parameters()):
            full.grad = None if own.grad is None else own.grad.float()
            own.grad = None
        length = nn.utils.clip_grad_norm_(self.full, 3.0)
        self.optimizer.step()
        keep = min(0.9995, (steps + 1) / (steps + 20))
        with torch.no_grad():
            for average, full in zip(self.average, self.full):
                average.lerp_(full, 1 - keep)
        self.load(self.full)
        return float(length)

    def weights(self) -> Dict[str, Tensor]:
        """The averaged weights by name, float32 on the CPU."""
        names = [name for name, _ in self.net.named_parameters()]
        plain = torch.contiguous_format
        return {n: a.cpu().clone(memory_format=plain) for n, a in zip(names, self.average)}

    def state(self) -> Dict[str, Any]:
        """All that a later run needs."""
        return {
            "full": [p.detach().cpu() for p in self.full],
            "average": [p.cpu() for p in self.average],
            "optimizer": {"state": self.optimizer.state_dict()["state"]},
        }

    def restore(self, state: Dict[str, Any]) -> None:
        """What state() gave. Raises ValueError where it is of another network."""
        mine, given = self.full + self.average, state["full"] + state["average"]
        if [p.shape for p in mine] != [p.shape for p in given]:
            raise ValueError("weights of other shapes")
        with torch.no_grad():
            for own, value in zip(mine, given):
                own.copy_(value)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({**state["optimizer"], "param_groups": groups})
        self.load(self.full)
