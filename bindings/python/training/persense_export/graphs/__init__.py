"""What of a network becomes an ONNX model: names and shapes of inputs and outputs, what is traced.

An ONNX model is a graph of operators that was recorded while the network ran once, so that nothing
may depend on which way Python's ``if`` or ``for`` went for those inputs. Where a network's own
definition does, a variant of that module, in the module here that is named as the network, computes
the same without: :func:`with_variants` puts it in place.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, Type, Union

from torch import Tensor, nn

Shape = Tuple[Union[int, str], ...]  #: a dimension's length, or the name of one of any length
METHOD = "forward"  #: of archives with one graph


def as_they_are(arguments: Sequence[Any]) -> Tuple[Tensor, ...]:
    """The network's arguments one by one, those in lists too."""
    flat: Tuple[Tensor, ...] = ()
    for argument in arguments:
        flat += tuple(argument) if isinstance(argument, (list, tuple)) else (argument,)
    return flat


def as_tuple(output: Any) -> Tuple[Tensor, ...]:
    """What a network gives, one tensor or several, as a tuple."""
    return (output,) if isinstance(output, Tensor) else tuple(output)


Compare = Callable[[nn.Module, Sequence[Any], Sequence[Tensor]], float]


@dataclasses.dataclass
class Graph:
    """One ONNX model of an archive."""

    network: nn.Module  #: to be traced: ``forward`` takes the inputs in their order
    inputs: Dict[str, Shape]
    outputs: Dict[str, Shape]
    #: the inputs for the arguments of the network's own method (tensors, lists of them, None)
    feed: Callable[[Sequence[Any]], Tuple[Tensor, ...]] = as_they_are
    #: Inputs that may be left out, each with the dimension whose length is then 0. ONNX knows
    #: optional inputs, but few runtimes let a program leave one out.
    absent: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: How far the outputs are from those of the archive's network for the same arguments, as
    #: :func:`persense_export.archive.difference` measures; None: each is compared with its like.
    compare: Optional[Compare] = None


class Method(nn.Module):
    """A method of a network as a network of its own, with every tensor of a list as an input."""

    def __init__(self, network: nn.Module, method: str, after: int = 0) -> None:
        """``after`` many arguments, whatever follows is one list; 0: the method takes no list."""
        super().__init__()
        self.network = network
        self.method = method
        self.after = after

    def forward(self, *arguments: Tensor) -> Any:
        call = getattr(self.network, self.method)
        if self.after:
            return call(*arguments[: self.after], list(arguments[self.after :]))
        return call(*arguments)


def with_variants(
    network: nn.Module, variants: Mapping[Type[nn.Module], Type[nn.Module]]
) -> nn.Module:
    """The network with modules of other classes where ``variants`` names some; weights are shared.

    A variant is a subclass that overrides methods and has no state of its own.
    """
    changed = copy.copy(network)
    changed.__dict__["_modules"] = {
        name: child if child is None else with_variants(child, variants)
        for name, child in network._modules.items()
    }
    changed.__class__ = variants.get(type(network), type(network))
    return changed
