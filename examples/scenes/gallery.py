"""Draws what a pipeline finds in rendered scenes: support, query and result, side by side.

usage: gallery.py PROGRAM JPEG SEED...

PROGRAM is persense's. SEED is of persense_training.scenes; 2^41 and above are neither trained nor
validated on. The image has two scenes a row.
"""

import pathlib
import subprocess
import sys
import tempfile
from typing import Optional, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from persense_training import scenes

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

SIDE = 448  # of a scene, pixels
SHOWN = 240  # of it in the image
MARK = (255, 230, 0)


def marked_object(episode: scenes.Episode) -> Optional[Mask]:
    """An object of the first class in the first image: of usual size, among those in full view.

    None where there is none.
    """
    labels, of_first = episode.labels[0], episode.classes[0] == 0
    visible, full = episode.visible_areas[0], episode.full_areas[0]
    whole = np.flatnonzero(of_first & (visible > 0.97 * full))
    if not len(whole):
        return None
    by_size = whole[np.argsort(full[whole])]
    mask: Mask = labels == by_size[len(by_size) // 2] + 1
    return mask


def outlined(image: Pixels, mask: Mask) -> Pixels:
    """The image with a line around the mask."""
    wide = Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.MaxFilter(5))
    near = np.asarray(wide) > 0
    drawn = image.copy()
    drawn[near & ~mask] = MARK
    return drawn


def segmented(program: str, support: Pixels, mask: Mask, query: Pixels) -> Pixels:
    """The query with one colour per object. Raises ValueError where the program fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        Image.fromarray(support).save(folder / "support.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "mask.png")
        Image.fromarray(query).save(folder / "query.png")
        marked = ["--support", "support.png", "--mask", "mask.png"]
        command = [program, "segment", *marked, "query.png", "-o", ".", "--labels"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(done.stderr.strip() or f"{program}: exit code {done.returncode}")
        labels = np.asarray(Image.open(folder / "query_labels.png")).astype(np.int64)
    hues = (labels * 0.618) % 1 * 255  # neighbours in number are far apart in hue
    full = np.full(labels.shape, 255)
    hsv = np.stack([hues, full, full], axis=2).astype(np.uint8)
    colours = np.asarray(Image.fromarray(hsv, "HSV").convert("RGB"))
    edge = np.zeros(labels.shape, bool)
    edge[:-1] |= labels[:-1] != labels[1:]
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edge[1:] |= edge[:-1]  # two pixels wide
    edge[:, 1:] |= edge[:, :-1]
    share = np.where(edge & (labels > 0), 1.0, 0.4 * (labels > 0))[:, :, None]
    mixed: Pixels = np.rint(query * (1 - share) + colours * share).astype(np.uint8)
    return mixed


def row(program: str, seed: int) -> Pixels:
    """Support, query and result of a scene, side by side, with a black rim round each."""
    episode = scenes.render(seed, size=SIDE, pictures=2)
    support, query = episode.images
    mask = marked_object(episode)
    if mask is None:
        raise ValueError(f"SEED: got {seed}, expected one of a scene with an object in full view")
    cells = [outlined(support, mask), query, segmented(program, support, mask, query)]
    small = []
    for cell in cells:
        reduced = Image.fromarray(cell).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
        small.append(np.pad(np.asarray(reduced), ((2, 2), (2, 2), (0, 0))))
    return np.concatenate(small, axis=1)


def seed_of(word: str) -> int:
    """The number that a word is. Raises ValueError where it is none."""
    if not word.isdecimal():
        raise ValueError(f"SEED: got {word!r}, expected a whole number")
    return int(word)


def gallery(program: str, seeds: Sequence[int]) -> Pixels:
    """The rows of some scenes, two side by side."""
    rows = [row(program, seed) for seed in seeds]
    if len(rows) % 2:
        rows.append(np.zeros_like(rows[0]))
    gap = np.full((rows[0].shape[0], 12, 3), 255, np.uint8)
    pairs = [np.concatenate([a, gap, b], axis=1) for a, b in zip(rows[::2], rows[1::2])]
    return np.concatenate(pairs)


def main() -> None:
    """Draw the image."""
    if len(sys.argv) < 4:
        sys.exit("usage: gallery.py PROGRAM JPEG SEED...")
    program, path, *words = sys.argv[1:]
    program = str(pathlib.Path(program).absolute())  # it runs elsewhere
    try:
        picture = gallery(program, [seed_of(word) for word in words])
        Image.fromarray(picture).save(path, quality=88)
    except (OSError, ValueError) as error:
        sys.exit(f"gallery.py: {error}")


if __name__ == "__main__":
    main()
