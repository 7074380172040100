"""Counts seeds (or anything else) in a folder of images: one line of CSV an image.

Images that cannot be read are reported and skipped. The run can be stopped at any time, also with
Ctrl-C; the same command goes on where it ended, and tries the skipped ones again.

usage: 07_count_folder.py --support seed.jpg --mask seed_mask.png FOLDER counts.csv
"""

import argparse
import csv
import pathlib
import sys

from tqdm import tqdm

import persense

PICTURES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
HEADER = ["file", "count", "estimated_count", "mean_area", "seconds"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--support", required=True, help="image that shows one seed")
    parser.add_argument("--mask", required=True, help="rough mask of that seed")
    parser.add_argument("--jobs", type=int, default=1, help="images worked on at once")
    parser.add_argument("folder", type=pathlib.Path, help="images to count in")
    parser.add_argument("table", type=pathlib.Path, help="CSV file to write, or to go on with")
    arguments = parser.parse_args()

    done = files_done(arguments.table)
    pictures = sorted(p for p in arguments.folder.iterdir() if p.suffix.lower() in PICTURES)
    missing = [p for p in pictures if p.name not in done]
    try:
        support = persense.Pipeline().support(arguments.support, arguments.mask)
        total, skipped = count(support, missing, arguments.table, arguments.jobs)
    except persense.Error as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    counted = len(missing) - skipped
    print(f"{counted} counted, {total} seeds; {skipped} skipped, {len(done)} done before")
    return 0


def files_done(table: pathlib.Path) -> "set[str]":
    """The images in the table; a line that a killed run left incomplete is cut off."""
    if not table.exists():
        return set()
    text = table.read_bytes()
    complete = text[: text.rfind(b"\n") + 1]
    if complete != text:
        table.write_bytes(complete)
    return {row["file"] for row in csv.DictReader(complete.decode().splitlines())}


def count(
    support: persense.Support, pictures: "list[pathlib.Path]", table: pathlib.Path, jobs: int
) -> "tuple[int, int]":
    """Appends one line per image; returns how many seeds, and how many images were skipped."""
    seeds = skipped = 0
    with open(table, "a", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(HEADER)
        for path, result, error in support.segment_many(pictures, jobs=jobs, progress=True):
            if result is None:
                tqdm.write(f"skipped: {error}", file=sys.stderr)
                skipped += 1
                continue
            area = result.areas.mean() if len(result) > 0 else 0.0
            seconds = sum(result.timings.values())
            numbers = [f"{result.estimated_count:.2f}", f"{area:.1f}", f"{seconds:.3f}"]
            writer.writerow([path.name, len(result), *numbers])
            file.flush()
            seeds += len(result)
    return seeds, skipped


if __name__ == "__main__":
    sys.exit(main())
