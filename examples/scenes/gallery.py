"""Draws what a pipeline finds in rendered scenes: support, query and result, side by side.

usage: gallery.py PROGRAM JPEG SEED...

PROGRAM is persense's. SEED is of persense.train.scenes; 2^41 and above are neither trained nor
validated on. The picture has two scenes a row.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from persense.train import scenes

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

SIDE = 448  # of a scene, pixels
SHOWN = 240  # of it in the picture
MARK = (255, 230, 0)


def marked_object(episode: scenes.Episode) -> Mask:
    """An object of the first class in the first picture: of usual size, among those in full view.

    Raises ValueError where there is none.
    """
    labels, of_first = episode.labels[0], episode.classes[0] == 0
    visible, full = episode.visible_areas[0], episode.full_areas[0]
    whole = np.flatnonzero(of_first & (visible > 0.97 * full))
    if not len(whole):
        raise ValueError("a scene's support has no object of the first class in full view")
    by_size = whole[np.argsort(full[whole])]
    mask: Mask = labels == by_size[len(by_size) // 2] + 1
    return mask


def outlined(image: Pixels, mask: Mask) -> Pixels:
    """The picture with a line around the mask."""
    wide = Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.MaxFilter(5))
    near = np.asarray(wide) > 0
    drawn = image.copy()
    drawn[near & ~mask] = MARK
    return drawn


def segmented(program: str, support: Pixels, mask: Mask, query: Pixels) -> Pixels:
    """The query with a colour an object. Raises CalledProcessError where the program fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        Image.fromarray(support).save(folder / "support.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "mask.png")
        Image.fromarray(query).save(folder / "query.png")
        marked = ["--support", "support.png", "--mask", "mask.png"]
        command = [program, "segment", *marked, "query.png", "-o", ".", "--labels"]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
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
    cells = [outlined(support, mask), query, segmented(program, support, mask, query)]
    small = []
    for cell in cells:
        reduced = Image.fromarray(cell).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
        small.append(np.pad(np.asarray(reduced), ((2, 2), (2, 2), (0, 0))))
    return np.concatenate(small, axis=1)


def main() -> None:
    """Draw the picture."""
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    program, path, *seeds = sys.argv[1:]
    program = str(pathlib.Path(program).absolute())  # it runs elsewhere
    try:
        rows = [row(program, int(seed)) for seed in seeds]
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"gallery.py: {error}")
    if len(rows) % 2:
        rows.append(np.zeros_like(rows[0]))
    gap = np.full((rows[0].shape[0], 12, 3), 255, np.uint8)
    pairs = [np.concatenate([a, gap, b], axis=1) for a, b in zip(rows[::2], rows[1::2])]
    Image.fromarray(np.concatenate(pairs)).save(path, quality=88)


if __name__ == "__main__":
    main()
