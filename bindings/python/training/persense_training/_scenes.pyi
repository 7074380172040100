"""
Training scenes; use them through persense_training.scenes.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['DEBRIS', 'Episode', 'IGNORED', 'names', 'render']
class Episode:
    @property
    def background(self) -> str:
        ...
    @property
    def centres(self) -> list[numpy.typing.NDArray[numpy.float32]]:
        ...
    @property
    def diameters(self) -> list[float]:
        ...
    @property
    def differences(self) -> numpy.typing.NDArray[numpy.uint8]:
        ...
    @property
    def families(self) -> list[str]:
        ...
    @property
    def full_areas(self) -> list[numpy.typing.NDArray[numpy.int32]]:
        ...
    @property
    def images(self) -> numpy.typing.NDArray[numpy.uint8]:
        ...
    @property
    def imaging(self) -> str:
        ...
    @property
    def labels(self) -> numpy.typing.NDArray[numpy.uint16]:
        ...
    @property
    def layout(self) -> str:
        ...
    @property
    def materials(self) -> list[str]:
        ...
    @property
    def object_classes(self) -> list[numpy.typing.NDArray[numpy.int32]]:
        ...
    @property
    def patterns(self) -> list[str]:
        ...
    @property
    def visible_areas(self) -> list[numpy.typing.NDArray[numpy.int32]]:
        ...
def names() -> dict[str, list[str]]:
    ...
def render(seed: typing.SupportsInt | typing.SupportsIndex, size: typing.SupportsInt | typing.SupportsIndex, pictures: typing.SupportsInt | typing.SupportsIndex, classes: typing.SupportsInt | typing.SupportsIndex) -> Episode:
    ...
DEBRIS: int = 65534
IGNORED: int = 65535
