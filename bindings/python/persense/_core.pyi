"""
The compiled half of persense; use it through the package `persense`.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import os
import typing
__all__: list[str] = ['ClassLabelExtractor', 'EncodedImage', 'Engine', 'Mask', 'Options', 'Query', 'Result', 'Stages', 'Stop', 'Support', 'Trace', 'TracePass', 'all_phrase', 'encode_png', 'figure', 'filled', 'has_label_extraction', 'has_tls', 'has_torch', 'idm', 'inspect', 'label_from_answer', 'load_image', 'load_labelme_image', 'load_mask', 'mask_of_pixels', 'option_table', 'overlay', 'ppsm', 'read_labelme_marks', 'read_labelme_masks', 'read_labels', 'read_mask', 'read_settings', 'shape_of_pixels', 'support_overlays', 'to_geojson', 'to_labelme', 'to_yolo', 'torch_version', 'write_coco', 'write_file', 'write_imagej_rois', 'write_labels']
class Options:
    """
    All options of a pipeline.
    """
    @staticmethod
    def preset(name: str) -> Options:
        """
        The options of a preset: paper, plus_plus or reference.
        """
    def copy(self) -> Options:
        """
        The same, to be changed.
        """
    def items(self) -> dict[str, str]:
        """
        Every option's value as text.
        """
    def set(self, key: str, value: str) -> None:
        """
        Sets one option from text, as "idm.threshold" from "25".
        """
class Mask:
    """
    The pixels of one object, cropped to their tight box.
    """
    def __getstate__(self) -> tuple[typing.Any, ...]:
        ...
    def __init__(self, bits: typing.Any, origin: typing.Any = (0, 0)) -> None:
        """
        The non-zero pixels of an array (h, w) of any numbers, whose first pixel lies at
        `origin` (x, y) in the image.
        """
    def __repr__(self) -> str:
        ...
    def __setstate__(self, arg0: tuple[typing.Any, ...]) -> None:
        ...
    def measure(self, image: typing.Any = None, pixel_size: str = '1') -> dict[str, float]:
        """
        Size and shape as {name: number}; with the image, brightness inside as well.
        pixel_size: a length with its unit, as "0.12mm".
        """
    @property
    def area(self) -> int:
        """
        Pixels inside.
        """
    @property
    def bits(self) -> numpy.typing.NDArray[numpy.bool_]:
        """
        (y1 - y0, x1 - x0) bool, read-only; a view, not a copy.
        """
    @property
    def box(self) -> tuple[int, int, int, int]:
        """
        (x0, y0, x1, y1), pixels of the image, half-open.
        """
class TracePass:
    """
    One round of density, IDM, PPSM and decoding.
    """
    @property
    def candidates(self) -> numpy.typing.NDArray[numpy.int32]:
        """
        (N, 2) int32: x, y; what IDM found.
        """
    @property
    def density(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (h, w) float32 as the density map generator gave it, read-only.
        """
    @property
    def exemplars(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (K, 4) float32: x0, y0, x1, y1.
        """
    @property
    def masks(self) -> list[Mask]:
        """
        M masks, one a prompt; a mask may be empty.
        """
    @property
    def prompts(self) -> numpy.typing.NDArray[numpy.int32]:
        """
        (M, 2) int32: x, y; what PPSM let through, or all candidates.
        """
    @property
    def scores(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (M,) float32: the decoder's score of every mask.
        """
class Trace:
    """
    Every intermediate of the paper's figure 7.
    """
    @property
    def exemplar_mask(self) -> Mask:
        """
        The mask of the object at the location prior.
        """
    @property
    def exemplar_score(self) -> float:
        """
        The decoder's score of exemplar_mask.
        """
    @property
    def label_detections(self) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        (boxes (N, 4) float32, confidences (N,) float32) found for the label.
        """
    @property
    def location_prior(self) -> tuple[int, int]:
        """
        (x, y) of the exemplar's point prompt.
        """
    @property
    def passes(self) -> list[TracePass]:
        """
        The passes in their order, at most 1 + feedback.iterations.
        """
    @property
    def phrase_detections(self) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        (boxes (N, 4) float32, confidences (N,) float32) found for the phrase.
        """
    @property
    def similarity(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (H, W) float32 in [-1, 1], read-only.
        """
class Result:
    """
    Everything found in one query image.
    """
    def __getstate__(self) -> tuple[typing.Any, ...]:
        ...
    def __len__(self) -> int:
        ...
    def __setstate__(self, arg0: tuple[typing.Any, ...]) -> None:
        ...
    def class_image(self) -> numpy.typing.NDArray[numpy.uint8]:
        """
        (H, W) uint8: 0 = background, k + 1 = class k.
        """
    def coco(self, file_name: bytes, categories: collections.abc.Sequence[str], category_ids: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], image_id: typing.SupportsInt | typing.SupportsIndex, annotation_id: typing.SupportsInt | typing.SupportsIndex, tolerance: typing.SupportsFloat | typing.SupportsIndex | None) -> str:
        """
        The JSON text of a COCO file of this image alone; see Result.to_coco. `annotation_id`
        is the first's. Masks are polygons where a tolerance says how near to their borders
        these run.
        """
    def csv(self) -> str:
        """
        A header line, then id,x,y,x0,y0,x1,y1,area,score,class,touches_border a line.
        """
    def labels(self) -> numpy.typing.NDArray[numpy.int32]:
        """
        (H, W) int32: 0 = background, i + 1 = instance i; a pixel of several masks goes to
        the highest score.
        """
    def of_class(self, index: typing.SupportsInt | typing.SupportsIndex) -> Result:
        """
        The result of one class alone.
        """
    @property
    def boxes(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (N, 4) float32: x0, y0, x1, y1 of the masks' tight boxes, half-open.
        """
    @property
    def class_indices(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        (N,) int64: each instance's index into `classes`.
        """
    @property
    def class_labels(self) -> list[str]:
        """
        The supports' labels, which may be empty.
        """
    @property
    def classes(self) -> list[str]:
        """
        What each class is called: its support's label, or else "object" or "class 2".
        """
    @property
    def count_confidence(self) -> float:
        """
        How far the numbers of instances and the densities' sums agree: the smaller
        over the larger, of the class where they do least.
        """
    @property
    def counts(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        (K,) int64: the instances of each class.
        """
    @property
    def density(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (h, w) float32: the last density map of the only class, or the first, objects per
        pixel, read-only; a view.
        """
    @property
    def estimated_count(self) -> float:
        """
        The sum of the classes' last density maps.
        """
    @property
    def masks(self) -> list[Mask]:
        """
        N masks, each cropped to its box.
        """
    @property
    def notes(self) -> list[str]:
        """
        One line each: what a user should know about this result.
        """
    @property
    def points(self) -> numpy.typing.NDArray[numpy.int32]:
        """
        (N, 2) int32: x, y of the point prompt of each instance.
        """
    @property
    def ppsm_fallback(self) -> bool:
        """
        Whether no candidate of a class passed PPSM in the last pass, so that all were kept.
        """
    @property
    def scores(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (N,) float32: the decoder's estimate of each mask's quality.
        """
    @property
    def size(self) -> tuple[int, int]:
        """
        (width, height) of the query image.
        """
    @property
    def timings(self) -> dict[str, float]:
        """
        Seconds by step, summed over the passes.
        """
    @property
    def touches_border(self) -> numpy.typing.NDArray[numpy.bool_]:
        """
        (N,) bool: whether each instance touches the image's border.
        """
    @property
    def trace(self) -> Trace | None:
        """
        Every intermediate of the only class, or the first, where it was asked for.
        """
class Query:
    """
    What is known of a query so far; for a stage of the user's, while it runs.

    Arrays are read-only and may be kept; the query itself is over when the stage returns.
    """
    @property
    def boxes(self) -> numpy.typing.NDArray[numpy.float32] | None:
        """
        (N, 4) float32: x0, y0, x1, y1 of the boxes that a decoder is to segment in; None where it has points alone.
        """
    @property
    def exemplar_masks(self) -> list[Mask | None]:
        """
        K masks of them; None where there is none.
        """
    @property
    def exemplar_scores(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (K,) float32: the decoder's scores of these masks.
        """
    @property
    def exemplars(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (K, 4) float32: x0, y0, x1, y1 of the current pass's exemplars; none before the first pass.
        """
    @property
    def features(self) -> numpy.typing.NDArray[numpy.float32] | None:
        """
        (C, h, w) float32: what the user's own encoder made of the image; None without one.
        """
    @property
    def image(self) -> numpy.typing.NDArray[numpy.uint8]:
        """
        (H, W, 3) uint8, RGB: the caller's own memory, where it was not encoded before.
        """
    @property
    def label(self) -> str:
        """
        The support's label; may be empty.
        """
    @property
    def phrase(self) -> str:
        """
        "all <plural>"; empty without a label.
        """
    @property
    def role(self) -> str | None:
        """
        Of a decode: "exemplar", "first_pass" or "final_pass".
        """
    @property
    def similarity(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (H, W) float32 in [-1, 1]: every pixel's similarity to the support.
        """
    @property
    def support_image(self) -> numpy.typing.NDArray[numpy.uint8]:
        """
        (H', W', 3) uint8, RGB.
        """
    @property
    def support_mask(self) -> numpy.typing.NDArray[numpy.bool_]:
        """
        (H', W') bool: the marked objects in the support image.
        """
class Stages:
    """
    What fills the four slots of a pipeline.
    """
    @staticmethod
    def named(models: os.PathLike[str] | str | bytes) -> Stages:
        """
        "mini" or "classic", which fill every slot, or a folder of archives.
        """
    def __init__(self) -> None:
        ...
    def adapt(self, preset: Options) -> Options:
        """
        The preset with what these stages ask for.
        """
    def need_torch(self) -> bool:
        """
        Whether LibTorch runs a stage: an archive, say.
        """
    def set_decode(self, function: typing.Any) -> None:
        """
        function(query, points) -> masks, scores.
        """
    def set_density(self, function: typing.Any) -> None:
        """
        function(query) -> (h, w) floats.
        """
    def set_detect(self, function: typing.Any) -> None:
        """
        function(query) -> boxes, confidences.
        """
    def set_encode(self, function: typing.Any) -> None:
        """
        function(image) -> (C, h, w) floats.
        """
    @property
    def decoder(self) -> str:
        """
        "mini", "classic" or an archive's path.
        """
    @decoder.setter
    def decoder(self, arg1: os.PathLike[str] | str | bytes) -> None:
        ...
    @property
    def detector(self) -> str:
        """
        "mini", "classic" or an archive's path.
        """
    @detector.setter
    def detector(self, arg1: os.PathLike[str] | str | bytes) -> None:
        ...
    @property
    def device(self) -> str:
        """
        "cpu", "cuda" or "cuda:N".
        """
    @device.setter
    def device(self, arg0: str) -> None:
        ...
    @property
    def dmg(self) -> str:
        """
        "mini", "classic" or an archive's path.
        """
    @dmg.setter
    def dmg(self, arg1: os.PathLike[str] | str | bytes) -> None:
        ...
    @property
    def dtype(self) -> str:
        """
        "fp32", "fp16" or "bf16".
        """
    @dtype.setter
    def dtype(self, arg0: str) -> None:
        ...
    @property
    def encoder(self) -> str:
        """
        "mini", "classic" or an archive's path.
        """
    @encoder.setter
    def encoder(self, arg1: os.PathLike[str] | str | bytes) -> None:
        ...
    @property
    def threads(self) -> int:
        """
        0 = all cores.
        """
    @threads.setter
    def threads(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Stop:
    """
    Cancels the queries that were given it.
    """
    def __init__(self) -> None:
        ...
    def request(self) -> None:
        """
        Ends them before their next step.
        """
class EncodedImage:
    """
    An image that an engine encoded.
    """
    @property
    def size(self) -> tuple[int, int]:
        """
        (width, height).
        """
class Support:
    """
    Examples prepared by one engine.
    """
    @property
    def box(self) -> tuple[int, int, int, int]:
        """
        (x0, y0, x1, y1): the first example's tight box, half-open.
        """
    @property
    def diameter(self) -> float:
        """
        Of the disc with the mask's area, pixels; the median.
        """
    @property
    def examples(self) -> list[tuple[numpy.typing.NDArray[numpy.uint8], numpy.typing.NDArray[numpy.bool_], tuple[int, int, int, int], float, bool]]:
        """
        Each as (image, mask, box, diameter, negative).
        """
    @property
    def label(self) -> str:
        """
        What the object is called.
        """
    @property
    def notes(self) -> list[str]:
        """
        What was done to the input.
        """
    @property
    def phrase(self) -> str:
        """
        "all <plural>".
        """
    @property
    def size(self) -> tuple[int, int]:
        """
        (width, height) of the image.
        """
class Engine:
    """
    A pipeline whose stages were chosen at run time.
    """
    def __init__(self, stages: Stages, options: Options) -> None:
        ...
    def encode(self, image: typing.Any) -> EncodedImage:
        """
        Encodes an image for any number of supports.
        """
    def segment(self, supports: collections.abc.Sequence[Support], query: typing.Any, trace: bool = False, progress: typing.Any = None, parts: typing.Any = None, stop: Stop | None = None, filter: Options | None = None, region: typing.Any = None) -> Result:
        """
        Finds every instance of each support's object in a query, an array or EncodedImage.

        progress(step) is called before each step, parts(step, part) within long ones; of
        `filter`, the options under "filter" count.
        """
    def support(self, examples: list[tuple[typing.Any, str, typing.Any, bool]], label: str = '', phrase: str = '') -> Support:
        """
        Prepares examples, each (image or EncodedImage, kind, mark, negative), kind being one
        of mask, box, point, polygon and labels, the last with (labels, id).
        """
    @property
    def options(self) -> Options:
        """
        The options that it runs with.
        """
    @property
    def stages(self) -> str:
        """
        What fills each slot, in one line.
        """
class ClassLabelExtractor:
    """
    Asks a model to name an object.
    """
    def __init__(self, endpoint: str, model: str, prompt: str, temperature: typing.SupportsFloat | typing.SupportsIndex, max_tokens: typing.SupportsInt | typing.SupportsIndex, timeout: typing.SupportsFloat | typing.SupportsIndex, retries: typing.SupportsInt | typing.SupportsIndex, backoff: typing.SupportsFloat | typing.SupportsIndex, key_variable: str, ca_bundle: str, rules: str) -> None:
        ...
    def extract(self, image: typing.Any, mask: typing.Any) -> tuple[str, str, str]:
        """
        (label, phrase, answer).
        """
    @property
    def shown_endpoint(self) -> str:
        """
        The URL that is asked, without its query.
        """
def all_phrase(label: str, rules: str = 'paper') -> str:
    """
    "all potatoes" of "potato".
    """
def encode_png(pixels: numpy.typing.NDArray[typing.Any], side: typing.SupportsInt | typing.SupportsIndex = 0) -> bytes:
    """
    (H, W, 3) RGB or (H, W) grey, uint8, as the bytes of a PNG file; where a side is longer
    than `side`, reduced to it.
    """
@typing.overload
def figure(result: Result, image: typing.Any, support: Support | None = None) -> numpy.typing.NDArray[numpy.uint8]:
    """
    All steps of a result with a trace side by side, as the paper's figure 7: (H, W, 3)
    uint8, RGB, of a size that does not depend on the image's.
    """
@typing.overload
def figure(result: Result, image: typing.Any, support_image: typing.Any, support_mask: typing.Any) -> numpy.typing.NDArray[numpy.uint8]:
    """
    The same with one mask for all examples.
    """
def filled(polygon: typing.Any, width: typing.SupportsInt | typing.SupportsIndex, height: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.uint8]:
    """
    (height, width) uint8, 255 where a pixel's centre lies inside a closed polygon (even-odd
    rule): (N, 2) vertices x, y. Pixel (0, 0) covers 0 <= x < 1 and 0 <= y < 1.
    """
def has_label_extraction() -> bool:
    """
    Whether this build can ask a model for a label.
    """
def has_tls() -> bool:
    """
    Whether it can do so over https.
    """
def has_torch() -> bool:
    """
    Whether this build can run archives, and "mini" on a GPU.
    """
def idm(density: typing.Any, image_size: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], options: Options) -> tuple[numpy.typing.NDArray[numpy.int32], float]:
    """
    Candidate points of a density map: ((N, 2) int32, the map's sum).
    """
def inspect(archive: os.PathLike[str] | str | bytes) -> dict[str, typing.Any]:
    """
    What an archive says of itself, after all its checksums were computed.
    """
def label_from_answer(answer: str, rules: str = 'paper') -> str:
    """
    The noun in what a vision-language model says.
    """
def load_image(path: os.PathLike[str] | str | bytes, page: typing.SupportsInt | typing.SupportsIndex = 1, window: tuple[typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex] | None = None) -> tuple[typing.Any, ...]:
    """
    A page of an image file, deep pixels through a window (low, high): a tuple of the pixels,
    (H, W, 3) uint8, RGB, the number of pages, and the window, None for pixels of 8 bits.
    """
def load_labelme_image(path: os.PathLike[str] | str | bytes) -> numpy.typing.NDArray[typing.Any]:
    """
    The image that a labelme file is of, or else the one inside of it: (H, W, 3) uint8.
    """
def load_mask(path: os.PathLike[str] | str | bytes) -> tuple[typing.Any, ...]:
    """
    The mask in a file that marks objects, and notes of what was taken: objects of a label
    image that touch are parted, a shape in the alpha channel is taken.
    """
def mask_of_pixels(pixels: typing.Any, alpha: typing.Any = None, lossy: bool = False) -> tuple[typing.Any, ...]:
    """
    The same of pixels (H, W) or (H, W, 3), contiguous uint8 or float64; alpha is of their type.
    """
def option_table() -> list[tuple[str, typing.Any, typing.Any, typing.Any, typing.Any, str]]:
    """
    Every option as (key, default, lowest, highest, words, help).
    """
def overlay(result: Result, image: typing.Any, fill: typing.SupportsFloat | typing.SupportsIndex = 0.2800000011920929, line_width: typing.SupportsFloat | typing.SupportsIndex = 0.0, numbers: bool = True, points: bool = True) -> numpy.typing.NDArray[numpy.uint8]:
    """
    The instances drawn over their image: (H, W, 3) uint8, RGB.

    fill is the opacity inside an object; line_width is in pixels, 0 chooses it from the
    image's size; numbers are the instances' ids, points their prompts.
    """
def ppsm(points: typing.Any, similarity: typing.Any, count: typing.SupportsFloat | typing.SupportsIndex, boxes: typing.Any, options: Options) -> tuple[numpy.typing.NDArray[numpy.int64], float]:
    """
    The candidates that PPSM lets through: ((M,) int64 indices, the threshold).
    """
def read_labelme_marks(path: os.PathLike[str] | str | bytes) -> list[tuple[str, bool, str, typing.Any]]:
    """
    (class, negative, argument of Example, its value) of each object.
    """
def read_labelme_masks(path: os.PathLike[str] | str | bytes) -> tuple[str, tuple[int, int], list[str], list[Mask]]:
    """
    imagePath, (width, height), and the label and the mask of each instance.
    """
def read_labels(path: os.PathLike[str] | str | bytes) -> numpy.typing.NDArray[numpy.int32]:
    """
    The label image in a file as (H, W) int32, 0 in the background: one grey channel of 8 or
    16 bits.
    """
def read_mask(path: os.PathLike[str] | str | bytes) -> numpy.typing.NDArray[numpy.uint8]:
    """
    The mask in a file as (H, W) uint8, 0 or 255.

    Formats and orientation as in read_image. A pixel is inside when any colour channel is
    not zero; in JPEG and WebP, when it is above half of the image's maximum.
    """
def read_settings(path: os.PathLike[str] | str | bytes) -> list[tuple[str, str]]:
    """
    The options of a settings file, as (key, value) pairs of text.
    """
def shape_of_pixels(pixels: typing.Any, alpha: typing.Any = None, lossy: bool = False) -> numpy.typing.NDArray[numpy.uint8]:
    """
    The same without a look at what else they may be: (H, W) uint8, 0 or 255.
    """
def support_overlays(support: Support) -> list[numpy.typing.NDArray[numpy.uint8]]:
    """
    The examples drawn over their images, one (H, W, 3) uint8, RGB, for each image: what is
    looked for in green, negative examples in red.
    """
def to_geojson(result: Result, annotations: bool) -> str:
    """
    The text of a GeoJSON file; see Result.to_geojson.
    """
def to_labelme(result: Result, image_path: bytes, shape: str, tolerance: typing.SupportsFloat | typing.SupportsIndex, label: str, image: typing.Any) -> str:
    """
    The JSON text of a labelme file; see Result.to_labelme. An empty label is the class's; an
    image is kept inside.
    """
def to_yolo(result: Result, boxes: bool, tolerance: typing.SupportsFloat | typing.SupportsIndex) -> str:
    """
    The text of a YOLO label file; see Result.to_yolo.
    """
def write_coco(path: os.PathLike[str] | str | bytes, file_name: str, result: Result, category: str = 'object') -> None:
    """
    Writes a COCO file of one image; the file is complete or absent. Several classes are named
    by their labels.
    """
def write_file(path: os.PathLike[str] | str | bytes, bytes: bytes) -> None:
    """
    Writes a file that is complete, or as it was before.
    """
def write_imagej_rois(path: os.PathLike[str] | str | bytes, result: Result, slice: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Writes a zip file of ROIs; see Result.save_rois.
    """
def write_labels(path: os.PathLike[str] | str | bytes, result: Result) -> None:
    """
    Writes labels() as a 16-bit grey PNG.
    """
__version__: str
torch_version: str
