"""Makes the golden set in tests/golden/data: inputs of our own, each for a branch of a step, and what
the released code makes of them, written after its published behaviour with NumPy and OpenCV.

usage: make_data.py DIR             writes the set
       make_data.py --verify DIR    compares these steps with a set whose outputs the released code gave
"""

import json
import pathlib
import sys

import cv2
import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "benchmarks"))
from full_frame_idm import full_frame_idm  # noqa: E402

# ---- The steps, as the released code does them ----


def idm(density, size_hw, threshold):
    with np.errstate(all="ignore"):
        return full_frame_idm(density, (size_hw[1], size_hw[0]), threshold)


def ppsm(similarity, points, boxes, count):
    with np.errstate(all="ignore"):
        divisor = np.float32(2) if count == 1 else np.float32(count) / np.sqrt(np.float32(2))
        threshold = np.float32(similarity.max() / divisor)
    inside = [any(b[0] <= x <= b[2] and b[1] <= y <= b[3] for b in boxes) for x, y in points]
    similar = [similarity[y, x] >= threshold for x, y in points]
    return [i for i in range(len(points)) if inside[i] and similar[i]], float(threshold)


def feedback(header, boxes, scores):
    """The first four lines of the text file: the last line written has no line end."""
    lines = ["{} {} {} {}\n".format(*box) for box in boxes]
    if lines:
        lines[-1] = lines[-1][:-1] + " "
    order = sorted(range(len(lines)), key=lambda i: -np.float32(scores[i]))  # stable
    text = "{} {} {} {}\n".format(*header) + "".join(lines[i] for i in order)
    return [[int(word) for word in line.split()[:4]] for line in text.splitlines()[:4]]


def bilinear(plane, height, width):
    """Half-pixel centres, no antialiasing, float32."""

    def weights(small, large):
        at = np.maximum((np.arange(large) + 0.5) * small / large - 0.5, 0)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, small - 1), (at - low).astype(np.float32)

    y0, y1, fy = weights(plane.shape[0], height)
    x0, x1, fx = weights(plane.shape[1], width)
    rows = plane[y0] * (1 - fy)[:, None] + plane[y1] * fy[:, None]
    return (rows[:, x0] * (1 - fx) + rows[:, x1] * fx).astype(np.float32)


def input_size(height, width, side):
    return [int(length * side / max(height, width) + 0.5) for length in (height, width)]


def similarity(reference, test, mask, test_hw, side):
    channels, rows, columns = reference.shape
    height, width = input_size(*mask.shape, side)
    resized = Image.fromarray(mask).resize((width, height), Image.BILINEAR)
    padded = np.zeros((side, side), np.float32)
    padded[:height, :width] = (np.asarray(resized, np.float32) - 123.675) / np.float32(58.395)
    on_grid = bilinear(padded, rows, columns)
    embedding = reference[:, on_grid > 0].mean(axis=1)
    feature = embedding / np.linalg.norm(embedding)
    cells = np.tensordot(feature, test / np.linalg.norm(test, axis=0), 1).astype(np.float32)
    height, width = input_size(*test_hw, side)
    full = bilinear(bilinear(cells, 4 * rows, 4 * columns), side, side)
    found = bilinear(full[:height, :width], *test_hw)
    attention = bilinear((found - found.mean()) / found.std(ddof=1), rows, columns)
    attention = 1 / (1 + np.exp(-attention))
    return on_grid, embedding, feature, found, attention.astype(np.float32)


def prior(box):
    x0, y0, x1, y1 = (int(side) for side in box)
    return [(x0 + x1) // 2, (y0 + y1) // 2]


def formula_features(seed, shape):
    """The stream of tests/golden/golden_test.cpp: splitmix64, 24 bits a value, in [-1, 1)."""
    z = np.uint64(seed) + np.arange(1, np.prod(shape) + 1, dtype=np.uint64) * np.uint64(
        0x9E3779B97F4A7C15
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)) / float(1 << 23) - 1).astype(np.float32).reshape(shape)


# ---- The inputs, a branch each ----


def blobs(shape, discs):
    """Plateaus of unit mass on average: (x, y, radius) each."""
    density = np.zeros(shape, np.float32)
    for x, y, radius in discs:
        cv2.circle(density, (x, y), radius, 1.0, -1)
    return density / 40


def idm_cases():
    few = blobs((40, 56), [(10, 10, 5), (40, 12, 6), (24, 30, 4)])
    grid = [(x, y, 3) for y in (8, 40) for x in (8, 20, 32, 44, 56)]
    joined = blobs((48, 64), [*grid, (22, 24, 7), (40, 24, 7)])
    joined[22:27, 22:40] = joined.max()  # a neck between two discs
    yield "children", joined, joined.shape, 30
    yield "one_child", blobs((48, 64), [*grid, (30, 24, 8)]), (48, 64), 30
    six = blobs((48, 64), [*grid[:5], (12, 32, 7), (30, 32, 7), (48, 32, 7)])
    six[30:35, 12:48] = six.max()
    yield "three_children", six, six.shape, 30
    faint = joined.copy()
    faint[32:] *= 25 / 255  # between the level of CounTR's maps and that of others
    yield "faint", faint, faint.shape, 20
    yield "empty", np.zeros((24, 32), np.float32), (24, 32), 30
    yield "constant", np.full((24, 32), 0.25, np.float32), (24, 32), 30
    yield "negative", few - np.float32(0.01), few.shape, 30
    yield "border", blobs((40, 56), [(0, 0, 6), (55, 20, 5), (28, 39, 5), (0, 30, 4)]), (40, 56), 30
    thin = np.zeros((32, 48), np.float32)
    thin[8:11, 5:30] = thin[20:23, 40:43] = thin[18:30, 10:13] = (
        1 / 32
    )  # lines and a pixel when eroded
    yield "thin", thin, thin.shape, 30
    hole = blobs((48, 48), [(24, 24, 20)]) - blobs((48, 48), [(24, 24, 14)])
    yield "hole_with_island", hole + blobs((48, 48), [(24, 24, 5)]), (48, 48), 30
    diagonal = np.zeros((32, 32), np.float32)
    diagonal[4:12, 4:12] = diagonal[12:20, 12:20] = diagonal[24:28, 3:7] = 1 / 64
    yield "diagonal", cv2.dilate(diagonal, np.ones((3, 3))), diagonal.shape, 30
    levels = np.zeros((24, 64), np.float32)
    for k, grey in enumerate((29.5, 30.5, 31.5, 255)):  # just below, at and above the level
        levels[6:18, 16 * k + 3 : 16 * k + 13] = grey / 255
    yield "levels", levels, levels.shape, 30
    small = np.zeros((32, 32), np.float32)
    small[5:10, 5:10] = small[18:26, 15:23] = 1 / 32  # whose exact centres the arithmetic moves
    yield "small_centres", small, small.shape, 30
    smooth = cv2.GaussianBlur(joined, (0, 0), 1.5)
    yield "enlarged", smooth, (120, 160), 30
    yield "reduced", smooth, (36, 40), 30
    yield "widened", smooth, (48, 110), 30


def ppsm_cases():
    rng = np.random.default_rng(7)
    values = rng.uniform(-0.2, 0.6, (30, 40)).astype(np.float16).astype(np.float32)
    values[10, 20] = 0.9375
    points = [[20, 10], [5, 5], [12, 8], [30, 20], [39, 29], [0, 0], [25, 15], [18, 22], [12, 8]]
    boxes = [
        [4.5, 4.0, 20.0, 10.0],
        [12.0, 8.0, 12.0, 8.0],
        [17.5, 9.5, 40.0, 30.0],
        [0, 0, 0.5, 0.5],
    ]
    for x, y in points[1:6]:  # as similar as can be asked for, to the bit
        values[y, x] = 0.9375 / 2
    for name, count in (
        ("single", 1),
        ("two", 2),
        ("rounded_up", 4),
        ("as_it_is", 3.3125),
        ("single_as_it_is", 1.0),
        ("many", 218),
        ("none", 0),
        ("below_none", -2),
    ):
        yield name, values, points, boxes, count
    yield "no_box", values, points, [], 3
    yield "no_point", values, [], boxes, 3
    yield "nowhere_similar", values - 2, points, boxes, 9
    with_nan = values.copy()
    with_nan[0, 1] = np.nan
    yield "not_a_number", with_nan, points, boxes, 3


def feedback_cases():
    boxes = [[10 * i, 7 * i, 10 * i + 9 + i, 7 * i + 11] for i in range(1, 8)]
    header = [3, 4, 30, 40]
    for name, scores in (
        ("no_mask", []),
        ("fewer_than_four", [0.7, 0.9]),
        ("last_is_worst", [0.7, 0.9, 0.8, 0.6, 0.5]),
        ("last_is_best", [0.7, 0.6, 0.8, 0.5, 0.9]),
        ("last_is_second", [0.7, 0.9, 0.6, 0.5, 0.8]),
        ("last_is_third", [0.9, 0.6, 0.8, 0.5, 0.7]),
        ("ties", [0.5, 0.5, 0.75, 0.5, 0.75, 0.5, 0.5]),
    ):
        yield name, header, boxes[: len(scores)], scores
    yield "repeats", header, [header, boxes[0], boxes[0], boxes[1]], [0.9, 0.8, 0.8, 0.7]


def similarity_cases():
    yield "landscape", (60, 80), (48, 64), [(20, 30, 18), (60, 20, 9)], (21, 22)
    yield "portrait", (80, 44), (66, 40), [(22, 40, 16)], (23, 24)


# ---- Files ----


def write(folder, expected, **arrays):
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        if array.dtype == np.float32 and np.array_equal(
            array, array.astype(np.float16), equal_nan=True
        ):
            array = array.astype(np.float16)  # half the size, the same values
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))
    text = json.dumps(expected)
    for word in ("NaN", "-Infinity", "Infinity"):
        text = text.replace(word, '"{}"'.format(word.replace("inity", "").lower()))
    (folder / "case.json").write_text(text + "\n")


def write_all(out):
    for name, density, size, threshold in idm_cases():
        density = density.astype(np.float16).astype(np.float32)
        total = float(density.sum(dtype=np.float64))
        if total % 1 and min(total % 1, 1 - total % 1) < 1e-3:
            sys.exit(
                f"{name}: the sum {total} is too near to an integer for one order of additions"
            )
        suite, array = ("idm_countr", "density") if threshold == 20 else ("idm", "dm")
        points = np.array(idm(density, size, threshold), np.int32).reshape(-1, 2)
        expected = {"image_size_hw": list(size), "count": int(np.ceil(total))}
        write(out / suite / name, expected, points=points, **{array: density})
    for name, values, points, boxes, count in ppsm_cases():
        selected, threshold = ppsm(values, points, np.float32(boxes).reshape(-1, 4), count)
        expected = {"count": count, "selected_index": selected, "threshold": threshold}
        write(
            out / "ppsm" / name,
            expected,
            similarity=values,
            points=np.array(points, np.int32).reshape(-1, 2),
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
        )
    for name, header, boxes, scores in feedback_cases():
        expected = {"header_box": header, "boxes": boxes, "scores": scores}
        write(out / "feedback" / name, {**expected, "exemplars": feedback(header, boxes, scores)})
    for name, ref_hw, test_hw, discs, seeds in similarity_cases():
        write_similarity(out / "similarity" / name, ref_hw, test_hw, discs, seeds)


def write_similarity(folder, ref_hw, test_hw, discs, seeds):
    channels, grid, side = 8, (16, 16), 256
    mask = np.zeros(ref_hw, np.uint8)
    for x, y, radius in discs:
        cv2.circle(mask, (x, y), radius, 255, -1)
    reference, test = (formula_features(seed, (channels, *grid)) for seed in seeds)
    on_grid, embedding, feature, found, attention = similarity(reference, test, mask, test_hw, side)
    boxes = [[4.7, 8.2, 31.9, 29.0], [-6.5, -3.2, 31.7, 20.9], [0, 0, test_hw[1], test_hw[0]]]
    expected = {
        "channels": channels,
        "feature_hw": grid,
        "image_size": side,
        "ref_hw": ref_hw,
        "test_hw": test_hw,
        "selected_cells": int((on_grid > 0).sum()),
        "location_prior": [{"box": box, "prior_point_used": prior(box)} for box in boxes],
        "feature_storage": f"the formula with seed {seeds[0]} (reference) and {seeds[1]} (test)",
    }
    write(
        folder,
        expected,
        ref_mask_image=mask,
        ref_mask_64=on_grid,
        target_embedding=embedding,
        target_feat=feature,
        similarity=found,
        attn_sim=attention,
    )


# ---- The same steps on a set whose outputs the released code gave ----


def verify(golden):
    def cases(suite):
        for file in sorted((golden / suite).glob("*/case.json")):
            yield file.parent, json.loads(file.read_text())

    def load(folder, name):
        return np.load(folder / f"{name}.npy")

    def check(folder, same):
        if not same:
            sys.exit(f"{folder}: the released code gave something else")
        done.append(folder.parent.name)

    done = []
    for suite, array, threshold in (("idm", "dm", 30), ("idm_countr", "density", 20)):
        for folder, expected in cases(suite):
            density = load(folder, array).astype(np.float32).squeeze()
            points = idm(density, expected["image_size_hw"], threshold)
            check(folder, [list(p) for p in points] == load(folder, "points").tolist())
    for folder, expected in cases("ppsm"):
        inputs = (load(folder, name) for name in ("similarity", "points", "boxes"))
        selected, threshold = ppsm(*inputs, float(expected["count"]))
        same = np.array_equal(threshold, float(expected["threshold"]), equal_nan=True)
        check(folder, same and selected == expected["selected_index"])
    for folder, expected in cases("feedback"):
        found = feedback(expected["header_box"], expected["boxes"], expected["scores"])
        check(folder, found == expected["exemplars"])
    for folder, expected in cases("similarity"):
        shape = (expected["channels"], *expected["feature_hw"])
        if (folder / "ref_feat.npy").exists():
            reference, test = (
                load(folder, n).astype(np.float32) for n in ("ref_feat", "test_feat")
            )
        else:
            words = expected["feature_storage"].replace("(", " ").split("with seed ")[1].split()
            reference, test = (formula_features(int(words[i]), shape) for i in (0, 3))
        found = similarity(
            reference,
            test,
            load(folder, "ref_mask_image"),
            expected["test_hw"],
            expected["image_size"],
        )
        names = ("ref_mask_64", "target_embedding", "target_feat", "similarity", "attn_sim")
        near = [
            np.allclose(f.ravel(), load(folder, n).ravel(), rtol=0, atol=2e-5)
            for f, n in zip(found, names)
        ]
        priors = all(prior(p["box"]) == p["prior_point_used"] for p in expected["location_prior"])
        check(folder, all(near) and priors)
    for suite in dict.fromkeys(done):
        print(f"{suite}: {done.count(suite)} cases")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--verify":
        verify(pathlib.Path(sys.argv[2]))
    elif len(sys.argv) == 2:
        write_all(pathlib.Path(sys.argv[1]))
    else:
        sys.exit(__doc__)
