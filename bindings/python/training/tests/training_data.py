"""A small folder of images to train on, drawn here."""

from __future__ import annotations

import pathlib

import numpy as np


def write_training_data(folder: pathlib.Path) -> pathlib.Path:
    """Cut-outs of 40 kinds, 30 textures, and real images of one class and of two."""
    import cv2

    rng = np.random.default_rng(5)
    lines = ["source\tclass\tviews\tkind"]
    for i in range(40):
        name = f"thing_{i:02}"
        own = folder / "cutouts" / "drawn" / name
        own.mkdir(parents=True)
        colour = tuple(int(v) for v in rng.integers(40, 255, 3))
        for view in range(2):
            image = np.zeros((48, 48, 4), np.uint8)
            axes = (20, 8 + i % 12)
            cv2.ellipse(image, (24, 24), axes, 40 * view, 0, 360, (*colour, 255), -1)
            if i % 4 == 0:  # a ring
                cv2.circle(image, (24, 24), 5, (0, 0, 0, 0), -1)
            cv2.imwrite(str(own / f"{view:03}.png"), image)
        lines.append(f"drawn\t{name}\t2\tkind_{i // 2}")
    (folder / "cutouts" / "CLASSES.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    textures = folder / "textures" / "drawn"
    textures.mkdir(parents=True)
    for i in range(30):
        cv2.imwrite(str(textures / f"{i:03}.jpg"), rng.integers(0, 255, (64, 64, 3), np.uint8))
    for name, classes in (("grains", [""]), ("furnace", ["coke_", "ore_"])):
        own = folder / "scenes" / "train" / name
        own.mkdir(parents=True)
        for i in range(8):
            image = rng.integers(0, 60, (200, 220, 3)).astype(np.uint8)
            for k, prefix in enumerate(classes):
                labels = np.zeros((200, 220), np.uint16)
                for j in range(9):
                    at = 25 + 70 * (j % 3) + 6 * k, 25 + 60 * (j // 3) + 25 * k
                    cv2.circle(labels, at, 9 + j % 3, j + 1, -1)
                image[labels > 0] = 120 + 100 * k
                cv2.imwrite(str(own / f"{i:02}_{prefix}instances.png"), labels)
            cv2.imwrite(str(own / f"{i:02}.jpg"), image)
    return folder
