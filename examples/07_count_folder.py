"""Counts seeds (or anything else) in a folder of images: one line of CSV an image.

Images that cannot be read are reported and skipped. The run can be stopped at any time, also with
Ctrl-C; the same command goes on where it ended, and tries the skipped ones again. Names are kept as
the bytes that they are; what macOS leaves beside each image ("._NAME") is none.

usage: 07_count_folder.py --support seed.jpg --mask seed_mask.png FOLDER counts.csv
"""

import argparse
import csv
import io
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
    try:
        missing = [p for p in pictures_in(arguments.folder) if p.name not in done]
        support = persense.Pipeline().support(arguments.support, arguments.mask)
        total, skipped = count(support, missing, arguments.table, arguments.jobs)
    except (persense.Error, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    counted = len(missing) - skipped
    print(f"{counted} counted, {total} seeds; {skipped} skipped, {len(done)} done before")
    return 0


def pictures_in(folder: pathlib.Path) -> "list[pathlib.Path]":
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURES and not path.name.startswith("._")
    )


def files_done(table: pathlib.Path) -> "set[str]":
    """The images in the table; a line that a killed run left incomplete is cut off.

    A spreadsheet that saved it may have put a byte order mark in front. Where it chose another
    separator, its numbers have another decimal mark, too: such a table is refused.
    """
    if not table.exists():
        return set()
    text = table.read_bytes()
    complete = text[: text.rfind(b"\n") + 1]
    lines = io.StringIO(complete.decode("utf-8-sig", "surrogateescape"), newline="")
    header, *rows = list(csv.reader(lines)) or [HEADER]
    if header != HEADER:
        sys.exit(
            f"{table}: its first line is {','.join(header)[:60]!r}, expected {','.join(HEADER)!r}; "
            "save it as CSV with commas, or name another table"
        )
    if complete != text:
        table.write_bytes(complete)
    return {row[0] for row in rows if row}


def count(
    support: persense.Support, pictures: "list[pathlib.Path]", table: pathlib.Path, jobs: int
) -> "tuple[int, int]":
    """Appends one line per image; returns how many seeds, and how many images were skipped."""
    seeds = skipped = 0
    with open(table, "a", newline="", encoding="utf-8", errors="surrogateescape") as file:
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
