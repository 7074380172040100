"""A folder of any size on any number of machines, with Ray Data: one pipeline a worker.

Why Ray Data and not Dask: the work is batch inference with something that is expensive to build, a
pipeline with its models and the prepared support. Ray Data runs a class as a pool of actors: each
builds its pipeline once and keeps it, is given a GPU of its own (`--gpus-per-worker`; fractions
share one), is fed as fast as it works, and is started again with its batch when it dies. In Dask a
pipeline a worker takes a plug-in, and a GPU a worker another package (dask-cuda). The price: Ray
with pyarrow is 400 MB of packages, Dask 25. A single machine needs neither: 07_count_folder.py.

    pip install 'ray[data]'
    python 08_many_workers.py --support seed.jpg --mask seed_mask.png FOLDER OUT --workers 2

On a cluster, run it on the head node (`--address auto`), with FOLDER and OUT on storage that all
nodes see. OUT gets one file per batch, part-*.jsonl: one line per image, its instances as in COCO.
A part is complete or absent, and has the same name however often its batch is tried: a worker that
is killed loses nothing and doubles nothing, and after the whole run was killed the same command
does what is missing.
"""

import argparse
import hashlib
import json
import os
import pathlib
import socket
import sys

import persense

PICTURES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class Segmenter:
    """What a worker is: built once, called for every batch."""

    def __init__(
        self, support: str, mask: str, models: "str | None", device: str, out: str
    ) -> None:
        pipeline = persense.Pipeline(models, device=device)
        self.support = pipeline.support(support, mask)
        self.out = out
        self.name = f"{socket.gethostname()}:{os.getpid()}"

    def __call__(self, batch: dict) -> dict:
        pictures = [os.fsdecode(path) for path in batch["path"]]
        lines = [self.segment(picture) for picture in pictures]
        write_part(self.out, pictures, lines)
        return {
            "count": [line["count"] for line in lines],
            "error": [line["error"] or "" for line in lines],
        }

    def segment(self, picture: str) -> dict:
        """One image; what is wrong with it ends its line, not the run."""
        line = {"file": picture, "worker": self.name, "count": 0, "instances": [], "error": None}
        try:
            result = self.support.segment(picture)
        except (persense.FileNotFound, persense.Unreadable, persense.InvalidArgument) as error:
            return {**line, "error": str(error)}
        return {**line, "count": len(result), "instances": result.to_coco()["annotations"]}


def write_part(out: str, pictures: "list[str]", lines: "list[dict]") -> None:
    """Under a name that follows from the images alone; complete or absent."""
    name = hashlib.sha256(os.fsencode("\n".join(pictures))).hexdigest()[:16]
    part = pathlib.Path(out, f"part-{name}.jsonl")
    unfinished = part.with_suffix(f".{socket.gethostname()}-{os.getpid()}")
    with open(unfinished, "w") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, part)


def files_done(out: pathlib.Path) -> "set[str]":
    """The images in the parts of earlier runs."""
    done = set()
    for part in out.glob("part-*.jsonl"):
        with open(part) as file:
            done.update(json.loads(line)["file"] for line in file)
    return done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--support", required=True, help="image that shows one object")
    parser.add_argument("--mask", required=True, help="rough mask of that object")
    parser.add_argument("--models", help="mini, classic, or a folder of model archives")
    parser.add_argument("--workers", type=int, default=2, help="pipelines that work at once")
    parser.add_argument("--gpus-per-worker", type=float, default=0)
    parser.add_argument("--batch", type=int, default=16, help="images a part")
    parser.add_argument("--address", help="of a Ray cluster; none: this machine alone")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()

    arguments.out.mkdir(parents=True, exist_ok=True)
    done = files_done(arguments.out)
    pictures = sorted(
        str(path.resolve())
        for path in arguments.folder.rglob("*")
        if path.suffix.lower() in PICTURES and not path.name.startswith("._")  # of macOS
    )
    missing = [picture for picture in pictures if picture not in done]
    objects, errors = run(arguments, missing) if missing else (0, [])
    for error in errors:
        print(f"failed: {error}", file=sys.stderr)
    print(
        f"{len(missing) - len(errors)} images, {objects} objects; "
        f"{len(errors)} failed, {len(done)} done before"
    )
    return 0


def run(arguments: argparse.Namespace, pictures: "list[str]") -> "tuple[int, list[str]]":
    """Segments the images on the workers; returns how many objects, and what failed."""
    import ray

    ray.init(address=arguments.address, log_to_driver=False, logging_level="warning")
    batches = -(-len(pictures) // arguments.batch)
    answers = ray.data.from_items(
        # bytes: a name need not be UTF-8
        [{"path": os.fsencode(picture)} for picture in pictures],
        override_num_blocks=batches,
    ).map_batches(
        Segmenter,
        fn_constructor_args=[
            str(pathlib.Path(arguments.support).resolve()),
            str(pathlib.Path(arguments.mask).resolve()),
            arguments.models,
            "cuda" if arguments.gpus_per_worker > 0 else "cpu",
            str(arguments.out.resolve()),
        ],
        batch_size=arguments.batch,
        compute=ray.data.ActorPoolStrategy(size=arguments.workers),
        num_cpus=1,
        num_gpus=arguments.gpus_per_worker,
    )
    objects, errors = 0, []
    for answer in answers.iter_rows():
        objects += answer["count"]
        if answer["error"]:
            errors.append(answer["error"])
    return objects, errors


if __name__ == "__main__":
    sys.exit(main())
