"""Training of the small network: its losses, its metrics, and a run of seconds."""

from __future__ import annotations

import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import pytest

for needed in ("torch", "matplotlib", "tqdm", "persense._core", "persense._scenes"):
    pytest.importorskip(needed, reason=f"training needs {needed}")
import torch  # noqa: E402
from helpers import randomise  # noqa: E402

import persense  # noqa: E402
from persense.networks import mini as network  # noqa: E402
from persense.train import episodes, reports, scenes  # noqa: E402
from persense.train import losses as parts  # noqa: E402
from persense.train import mini as training  # noqa: E402

torch.set_num_threads(1)  # or small networks wait for threads where the machine has more to do

SAME, UNKNOWN, DISTINCT = scenes.SAME, scenes.UNKNOWN, scenes.DISTINCT
Outputs = Tuple[torch.Tensor, torch.Tensor, torch.Tensor]


# --- batches made by hand -------------------------------------------------------------------------


class Nearest:
    """Compares looks by how far apart they are."""

    def compare(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return 20 - 1000 * (a - b).abs().sum(dim=1)


def made_batch() -> parts.Tensors:
    """Two pictures of 32 x 32 cells with squares: same, distinct, unknown; distinct, same."""
    instances = torch.zeros(2, 32, 32, dtype=torch.int64)
    instances[0, 1:9, 1:9], instances[0, 11:19, 1:9], instances[0, 21:29, 21:29] = 1, 2, 3
    instances[1, 1:9, 1:9], instances[1, 11:19, 11:19] = 1, 2
    owners = torch.tensor([0, 0, 0, 1, 1])
    relations = torch.tensor([SAME, DISTINCT, UNKNOWN, DISTINCT, SAME])
    target, known = torch.zeros(2, 32, 32), torch.ones(2, 32, 32)
    target[0][instances[0] == 1] = 1
    target[1][instances[1] == 2] = 1
    known[0][instances[0] == 3] = 0
    peak = torch.full((2, 32, 32), 1e-6)
    peak[0, 4, 4], peak[1, 14, 14] = 0.9, 0.9
    inside = (instances > 0)[:, None]
    steps = torch.arange(32.0) / 32
    return {
        "target": target,
        "peak": peak,
        "known": known,
        "objects": (instances > 0).float(),
        "objects_known": torch.ones(2, 32, 32),
        "offsets": torch.stack([steps.expand(32, 32), steps[:, None].expand(32, 32)]) * inside,
        "instances": instances,
        "owners": owners,
        "relations": relations,
        "shown": torch.ones(5),
    }


def true_outputs(batch: parts.Tensors) -> Outputs:
    """What Nearest's network would give, if it knew the truth: looks are 1 on targets, else 0."""
    maps = torch.zeros(2, 5, 32, 32)
    maps[:, network.TARGET] = 40 * batch["target"] - 20
    maps[:, network.PEAKS] = torch.logit(batch["peak"])
    maps[:, network.OFFSET_X : network.OFFSET_Y + 1] = batch["offsets"]
    maps[:, network.OBJECT] = 40 * batch["objects"] - 20
    look = batch["target"][:, None].repeat(1, network.LOOK, 1, 1)
    prototype = torch.zeros(2, network.PROTOTYPE)
    prototype[:, -network.LOOKS :] = parts.instance_looks(look, batch)[[0, 4]]
    return maps, look, prototype


def parts_of(outputs: Outputs, batch: parts.Tensors) -> Dict[str, float]:
    return {name: float(v) for name, v in parts.losses(Nearest(), outputs, batch).items()}


# --- losses ---------------------------------------------------------------------------------------


def test_losses_are_zero_at_the_truth() -> None:
    """But for the logits' being finite."""
    batch = made_batch()
    found = parts_of(true_outputs(batch), batch)
    assert set(found) == set(parts.WEIGHTS)
    for name, value in found.items():
        assert 0 <= value < 1e-4, f"{name}: {value}"


@pytest.mark.parametrize(
    "channel, names",
    [
        (network.TARGET, {"target", "overlap"}),
        (network.PEAKS, {"density", "count"}),
        (network.OFFSET_X, {"offset"}),
        (network.OFFSET_Y, {"offset"}),
        (network.OBJECT, {"object"}),
    ],
)
def test_losses_grow_with_the_error_of_their_own_map_alone(channel: int, names: set) -> None:
    batch = made_batch()
    truth = true_outputs(batch)
    before = parts_of(truth, batch)
    grown = {}
    for error in (1.0, 2.0):
        maps = truth[0].clone()
        maps[:, channel] -= error * torch.sign(maps[:, channel]) * (18 if channel != 1 else 1)
        grown[error] = parts_of((maps, *truth[1:]), batch)
        changed = {name for name, value in grown[error].items() if value != before[name]}
        assert changed == names
    for name in names:
        assert before[name] < grown[1.0][name] < grown[2.0][name], name


def test_losses_of_looks_grow_when_distinct_objects_look_alike() -> None:
    batch = made_batch()
    maps, look, prototype = true_outputs(batch)
    found = parts_of((maps, torch.ones_like(look), prototype), batch)
    assert found["same"] > 5
    assert all(value < 1e-4 for name, value in found.items() if name != "same")


def test_losses_do_not_ask_where_nothing_is_known() -> None:
    """Any output is as good there, but for whether there is an object."""
    batch = made_batch()
    truth = true_outputs(batch)
    maps = truth[0].clone()
    wild = 5 * torch.randn(maps.shape, generator=torch.Generator().manual_seed(1))
    unknown = (batch["known"] == 0)[:, None].expand_as(maps).clone()
    unknown[:, network.OBJECT] = False
    assert unknown.any()
    maps[unknown] = wild[unknown]
    assert parts_of((maps, *truth[1:]), batch) == pytest.approx(parts_of(truth, batch), abs=1e-7)


def test_losses_of_pictures_without_objects_are_numbers() -> None:
    """None in the batch, and yet something to learn."""
    batch = made_batch()
    for name in ("target", "objects", "offsets", "instances"):
        batch[name] = torch.zeros_like(batch[name])
    for name in ("owners", "relations", "shown"):
        batch[name] = batch[name][:0]
    maps, look = torch.zeros(2, 5, 32, 32), torch.zeros(2, network.LOOK, 32, 32)
    net = randomise(network.Mini())
    outputs = (maps, look, torch.zeros(2, network.PROTOTYPE))
    for name, value in parts.losses(net, outputs, batch).items():
        assert math.isfinite(value), name


# --- looks and pairs ------------------------------------------------------------------------------


def test_instance_looks_are_means_and_deviations_of_each_objects_pixels() -> None:
    """As a loop in NumPy finds them; a picture without objects lies between two with some."""
    rng = np.random.default_rng(1)
    look = rng.normal(size=(3, 4, 8, 8)).astype(np.float32)
    instances = rng.integers(0, 4, (3, 8, 8))
    instances[1] = 0
    owners = np.repeat([0, 2], 3)
    batch = {"owners": torch.from_numpy(owners), "instances": torch.from_numpy(instances)}
    found = parts.instance_looks(torch.from_numpy(look), batch).numpy()
    assert found.shape == (6, 8)
    for i, owner in enumerate(owners):
        pixels = look[owner][:, instances[owner] == i % 3 + 1]
        expected = np.concatenate([pixels.mean(axis=1), np.sqrt(pixels.var(axis=1) + 1e-4)])
        assert found[i] == pytest.approx(expected, abs=1e-5)  # float32 sums of about 16 numbers


def expected_pairs(batch: parts.Tensors) -> List[Tuple[bool, bool]]:
    """Whether each pair counts, and whether it is of one class: a loop over same_logits' rules."""
    owners, relations = batch["owners"].tolist(), batch["relations"].tolist()
    whole = [shown >= parts.SHOWN for shown in batch["shown"].tolist()]
    count = len(owners)
    pairs = [(relations[i] != UNKNOWN and whole[i], relations[i] == SAME) for i in range(count)]
    for step in range(1, parts.PAIRS + 1):
        for i in range(count):
            own = [k for k in range(count) if owners[k] == owners[i]]
            j = own[(own.index(i) + step) % len(own)]
            two = {relations[i], relations[j]}
            counts = i != j and whole[i] and whole[j] and SAME in two and UNKNOWN not in two
            pairs.append((counts, two == {SAME}))
    return pairs


@pytest.mark.parametrize("seed", range(5))
def test_same_logits_count_the_pairs_of_which_something_is_known(seed: int) -> None:
    """Unknown ones never, and as much the same as the distinct ones."""
    rng = np.random.default_rng(seed)
    owners = np.sort(rng.integers(0, 5, 24))
    instances = np.zeros((5, 8, 8), np.int64)
    for owner, count in enumerate(np.bincount(owners, minlength=5)):
        instances[owner].ravel()[: 2 * count] = np.repeat(np.arange(1, count + 1), 2)
    batch = {
        "owners": torch.from_numpy(owners),
        "instances": torch.from_numpy(instances),
        "relations": torch.from_numpy(rng.choice([SAME, UNKNOWN, DISTINCT], 24)),
        "shown": torch.from_numpy(rng.uniform(0, 1, 24)),
    }
    look = torch.from_numpy(rng.normal(size=(5, network.LOOK, 8, 8)))
    prototype = torch.from_numpy(rng.normal(size=(5, network.PROTOTYPE)))
    _, same, weight = parts.same_logits(Nearest(), look, prototype, batch)
    expected = expected_pairs(batch)
    assert (weight > 0).tolist() == [counts for counts, _ in expected]
    counted = [one_class for counts, one_class in expected if counts]
    assert (same > 0)[weight > 0].tolist() == counted
    assert 0 < sum(counted) < len(counted)  # or nothing is balanced
    assert float((weight * same).sum()) == pytest.approx(float((weight * (1 - same)).sum()))


def test_tensors_keep_what_a_batch_holds() -> None:
    """Where targets are unknown there are none, and the density's unit is the peak's height."""
    batch = next(episodes.batches(3, 4, episodes.Plan(query=64, picture=128, area=40), worlds=4))
    made = parts.tensors(batch)
    assert made["query"].shape == (4, 3, 64, 64) and made["mask"].shape == (4, 1, 64, 64)
    for name, value in made.items():
        whole = name in ("instances", "owners", "relations")
        assert value.dtype == (torch.int64 if whole else torch.float32), name
    assert (batch.target_weight == 0).any()  # or nothing is tested
    assert not made["target"][made["known"] == 0].any()
    assert not made["peak"][made["known"] == 0].any()
    count = (batch.density * batch.target_weight).sum()
    assert float(made["peak"].sum()) * network.PEAK == pytest.approx(count, rel=1e-5)
    assert made["relations"].tolist() == batch.relations.tolist()
    assert made["instances"].tolist() == batch.instances.tolist()


def test_a_turned_batch_is_the_same_to_a_network_that_is_turned() -> None:
    """Each of the eight ways is another one; in all, offsets lead to one centre an object."""
    plan = episodes.Plan(query=64, picture=128, area=40)
    batch = parts.tensors(next(episodes.batches(3, 4, plan, worlds=4)))
    seen = [training._turned(batch, view) for view in range(8)]
    for name, value in batch.items():
        assert torch.equal(seen[0][name], value), name
        turns = value.ndim > 2
        different = {made[name].numpy().tobytes() for made in seen}
        assert len(different) == (8 if turns and name != "mask" else len(different)), name
        for made in seen:
            assert torch.equal(made[name].flatten().sort()[0], value.flatten().sort()[0]) or (
                name == "offsets"
            )
    steps = torch.arange(32) * 2 + 0.5
    for made in seen:
        places = torch.stack([steps.expand(32, 32), steps[:, None].expand(32, 32)])
        centres = places + made["offsets"] * (plan.canonical / 2)
        for picture, instances in enumerate(made["instances"]):
            for number in range(1, int(instances.max()) + 1):
                own = centres[picture][:, instances == number]
                assert float((own - own[:, :1]).abs().max()) < 1e-3


# --- metrics --------------------------------------------------------------------------------------


def test_auc_is_the_share_of_pairs_in_order() -> None:
    """Ties count half, as counting all pairs finds."""
    rng = np.random.default_rng(2)
    for levels in (3, 1000):
        values = rng.integers(0, levels, 60).astype(np.float64)
        positive = rng.random(60) < 0.4
        apart = values[positive][:, None] - values[~positive][None]
        expected = ((apart > 0) + 0.5 * (apart == 0)).mean()
        assert parts._auc(values, positive) == pytest.approx(expected, abs=1e-12)
    assert math.isnan(parts._auc(values, np.ones(60, bool)))


def all_metrics(value: float) -> Dict[str, Any]:
    """The best, of value 1, or the worst, of value 0."""
    shares = dict.fromkeys(("iou", "ground_auc", "distractor_auc", "same_auc"), value)
    return {**shares, "count_error": pytest.approx(1 - value, abs=1e-5)}


def test_metrics_are_best_at_the_truth_and_worst_at_its_opposite() -> None:
    batch = made_batch()
    maps, look, prototype = true_outputs(batch)
    best = parts.metrics(Nearest(), [(maps, look, prototype)] * 2, [batch] * 2)
    assert best == all_metrics(1)
    opposite = maps.clone()
    opposite[:, network.TARGET] *= -1
    opposite[:, network.PEAKS] = -40
    own = prototype.clone()
    own[:, -network.LOOKS :] = parts.instance_looks(look, batch)[1]  # the distinct one's
    worst = parts.metrics(Nearest(), [(opposite, look, own)], [batch])
    assert worst == all_metrics(0)


# --- network --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def net() -> network.Mini:
    return randomise(network.Mini())


def inputs(batch: int, rows: int = 48, columns: int = 80) -> Tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(rows + columns)
    query = torch.rand(batch, 3, rows, columns, generator=generator)
    patch = torch.rand(batch, 3, network.PATCH, network.PATCH, generator=generator)
    mask = torch.zeros(batch, 1, network.PATCH, network.PATCH)
    mask[:, :, 20:44, 22:40] = 1
    return query, patch, mask


# The same sums, in an order that may depend on the batch's size and on the compiler.
ORDER = dict(rtol=1e-4, atol=1e-4)


def test_network_sees_each_sample_of_a_batch_alone(net: network.Mini) -> None:
    """In any order, and with others than before."""
    query, patch, mask = inputs(3)
    order = torch.tensor([2, 0, 1])
    together = net(query, patch, mask)
    for whole, moved in zip(together, net(query[order], patch[order], mask[order])):
        assert whole.std() > 0
        torch.testing.assert_close(moved, whole[order], **ORDER)
    for whole, alone in zip(together, net(query[1:2], patch[1:2], mask[1:2])):
        torch.testing.assert_close(alone, whole[1:2], **ORDER)


def test_network_makes_the_prototype_of_the_patch_alone(net: network.Mini) -> None:
    query, patch, mask = inputs(2)
    maps, look, prototype = net(query, patch, mask)
    other = net(query.flip(3), patch, mask)
    torch.testing.assert_close(other[2], prototype, **ORDER)
    assert not torch.allclose(other[0], maps, **ORDER)
    exchanged = net(query, patch.flip(0), mask)
    torch.testing.assert_close(exchanged[1], look, **ORDER)
    torch.testing.assert_close(exchanged[2], prototype.flip(0), **ORDER)
    assert not torch.allclose(exchanged[0], maps, **ORDER)


@pytest.mark.parametrize("rows, columns", [(16, 16), (48, 80), (128, 96)])
def test_network_takes_multiples_of_sixteen_and_scripts(
    net: network.Mini, rows: int, columns: int
) -> None:
    """The compiled one gives the same."""
    given = inputs(2, rows, columns)
    maps, look, prototype = net(*given)
    assert maps.shape == (2, 5, rows // 2, columns // 2)
    assert look.shape == (2, network.LOOK, rows // 2, columns // 2)
    assert prototype.shape == (2, network.PROTOTYPE)
    for got, expected in zip(torch.jit.script(net)(*given), (maps, look, prototype)):
        torch.testing.assert_close(got, expected, **ORDER)


# --- steps ----------------------------------------------------------------------------------------


def test_steps_on_one_batch_lower_its_loss() -> None:
    """And the average follows."""
    torch.manual_seed(1)
    small = episodes.Plan(query=64, picture=128, area=40)
    batch = parts.tensors(next(episodes.batches(1, 2, small, worlds=2)))
    device = torch.device("cpu")
    model = training._Model(device, 0.0005)
    first = [p.clone() for p in model.average]
    batch = training._to(batch, device, model.dtype)
    totals = []
    for step in range(6):
        outputs = model.net(batch["query"], batch["patch"], batch["mask"])
        found = parts.losses(model.net, outputs, batch)
        total = torch.stack([parts.WEIGHTS[name] * value for name, value in found.items()]).sum()
        total.backward()
        model.step(0.0005, step)
        totals.append(float(total.detach()))
    assert totals[-1] < 0.8 * totals[0], totals
    for began, average, now in zip(first, model.average, model.full):
        now = now.detach()
        assert float((average - now).norm()) < float((began - now).norm())


def test_rate_warms_up_and_falls_to_a_hundredth() -> None:
    assert training._rate(0.3, 0.0, 0) == pytest.approx(0.001)
    assert training._rate(0.3, 0.0, 300) == pytest.approx(0.3)
    assert training._rate(0.3, 0.5, 300) == pytest.approx(0.3 * 0.505)
    assert training._rate(0.3, 1.0, 300) == training._rate(0.3, 1.1, 300) == pytest.approx(0.003)


# --- a run ----------------------------------------------------------------------------------------

SMALL = training.Settings(validation=1, threads=1, batch=2, rate=0.006, device="cpu")
OPTIONS = [
    word
    for name in ("validation", "threads", "batch", "rate", "device")
    for word in (f"--{name}", str(getattr(SMALL, name)))
]
FILES = {"checkpoint.pt", "mini.pt", "log.jsonl", "curves.png", "panels.png"}


def start(folder: pathlib.Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "persense.train.mini", "--out", str(folder), *OPTIONS]
    return subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dict[str, Any]]:
    """A run stopped by Ctrl-C soon after it began, and one that goes on from it to its end."""
    folder = tmp_path_factory.mktemp("run")
    first = start(folder, "--minutes", "0.2")
    try:
        begun = first.stdout.readline()
        time.sleep(2)
        os.killpg(first.pid, signal.SIGINT)  # as a terminal does, workers included
        _, stopped = first.communicate(timeout=60)
        saved = torch.load(folder / "checkpoint.pt")
        second = start(folder, "--minutes", "0.2")
        out, error = second.communicate(timeout=300)
    finally:
        for process in (first, locals().get("second")):
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    yield {
        "folder": folder,
        "begun": begun,
        "first": (first.returncode, stopped),
        "saved": saved,
        "second": (second.returncode, out, error),
    }


def test_run_stopped_by_ctrl_c_leaves_a_checkpoint_and_says_so(runs: Dict[str, Any]) -> None:
    """In one line, with exit code 130."""
    assert runs["begun"] == "trains on cpu, batches of 2\n", runs["first"]
    code, stopped = runs["first"]
    assert code == 130
    path = runs["folder"] / "checkpoint.pt"
    assert stopped == f"persense.train.mini: stopped; the same command goes on from {path}\n"


def test_run_goes_on_from_its_checkpoint_to_its_end(runs: Dict[str, Any]) -> None:
    """Steps and minutes continue, and all files are written."""
    code, out, error = runs["second"]
    assert code == 0, error
    assert error == ""
    steps, seconds = runs["saved"]["steps"], float(runs["saved"]["seconds"])
    assert seconds < 12
    gone_on = f"goes on after {seconds / 60:.1f} minutes, {steps} steps\n" if steps else ""
    assert out.startswith(f"{gone_on}trains on cpu")
    assert re.search(r"^loss \d+\.\d{4} target .* same_auc \S+$", out, re.MULTILINE)
    assert {path.name for path in runs["folder"].iterdir()} == FILES
    end = torch.load(runs["folder"] / "checkpoint.pt")
    assert end["steps"] > steps and float(end["seconds"]) >= 12
    last = reports.read_log(runs["folder"] / "log.jsonl")[-1]
    assert last["kind"] == "validation" and last["steps"] == end["steps"]
    assert last["minutes"] == pytest.approx(float(end["seconds"]) / 60, abs=1e-3)
    for name in ("curves.png", "panels.png"):
        assert persense.read_image(runs["folder"] / name).std() > 10
    assert persense.read_image(runs["folder"] / "panels.png").shape[0] == 4 * (128 + 4)


def test_run_writes_averaged_weights_that_the_network_takes(runs: Dict[str, Any]) -> None:
    weights = torch.load(runs["folder"] / "mini.pt")
    network.Mini().load_state_dict(weights)
    saved = torch.load(runs["folder"] / "checkpoint.pt")["model"]
    assert all(w.is_contiguous() for w in weights.values())
    assert all(torch.equal(w, a) for w, a in zip(weights.values(), saved["average"]))
    assert not all(torch.equal(w, f) for w, f in zip(weights.values(), saved["full"]))


def test_run_lowers_the_loss_on_scenes_it_never_saw(
    runs: Dict[str, Any], tmp_path: pathlib.Path
) -> None:
    untrained = training._Run(SMALL, tmp_path).validate()["loss"]
    assert reports.read_log(runs["folder"] / "log.jsonl")[-1]["loss"] < untrained


def refusal(capsys: "pytest.CaptureFixture[str]", folder: pathlib.Path, *arguments: str) -> str:
    """The one line that a command ends with."""
    assert training.main(["--out", str(folder), *OPTIONS, *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith("persense.train.mini: ")
    return captured.err[len("persense.train.mini: ") : -1]


@pytest.mark.parametrize(
    "name, value, began",
    [
        ("seed", 2, 1),
        ("batch", 3, 2),
        ("rate", 0.1, 0.006),
        ("uses", 3, 12),
        ("views", 2, 1),
    ],
)
def test_run_is_not_gone_on_with_otherwise_than_it_began(
    runs: Dict[str, Any], name: str, value: float, began: float, capsys: Any
) -> None:
    before = (runs["folder"] / "checkpoint.pt").read_bytes()
    line = refusal(capsys, runs["folder"], f"--{name}", str(value))
    of = f"which the run in {runs['folder']} began with"
    assert line == f"{name}: got {value}, expected {began}, {of}"
    assert (runs["folder"] / "checkpoint.pt").read_bytes() == before


def foreign_checkpoints(folder: pathlib.Path) -> Dict[str, bytes]:
    """Files that are no checkpoint of a run, of which there is one in the folder."""
    whole = (folder / "checkpoint.pt").read_bytes()
    saved = torch.load(folder / "checkpoint.pt")
    path = folder.parent / "foreign.pt"
    found = {"empty": b"", "cut off": whole[: len(whole) // 2], "text": b"not a checkpoint\n"}
    fewer = {**saved["model"], "full": saved["model"]["full"][:-1]}
    for name, content in {
        "weights": saved["model"]["full"],
        "another dictionary": {"state_dict": 1},
        "fewer weights": {**saved, "model": fewer},
        "no optimizer": {**saved, "model": {**saved["model"], "optimizer": {}}},
        "no steps": {k: v for k, v in saved.items() if k != "steps"},
    }.items():
        torch.save(content, path)
        found[name] = path.read_bytes()
    return found


def test_run_refuses_a_checkpoint_that_is_damaged_or_foreign(
    runs: Dict[str, Any], tmp_path: pathlib.Path, capsys: Any
) -> None:
    """And leaves it as it was."""
    path = tmp_path / "checkpoint.pt"
    for name, content in foreign_checkpoints(runs["folder"]).items():
        path.write_bytes(content)
        line = refusal(capsys, tmp_path)
        assert line.startswith(f"{path}: expected a checkpoint of persense.train.mini, got "), name
        assert path.read_bytes() == content, name


def test_run_forgets_what_was_logged_after_its_checkpoint(
    runs: Dict[str, Any], tmp_path: pathlib.Path, capsys: Any
) -> None:
    """And names a line of the log that is none."""
    log = tmp_path / "log.jsonl"
    (tmp_path / "checkpoint.pt").write_bytes((runs["folder"] / "checkpoint.pt").read_bytes())
    steps = torch.load(tmp_path / "checkpoint.pt")["steps"]
    line = {"kind": "training", "minutes": 0.1, "steps": steps, "loss": 2.0}
    log.write_text("".join(json.dumps({**line, "steps": steps + i}) + "\n" for i in (0, 50)))
    training._Run(SMALL, tmp_path)
    assert reports.read_log(log) == [line]
    log.write_text(json.dumps(line) + "\n" + '{"kind": "trai')
    said = refusal(capsys, tmp_path)
    assert said == f"{log}:2: got '{{\"kind\": \"trai', expected a line of a training run's log"


@pytest.mark.parametrize(
    "arguments, line",
    [
        (("--minutes", "-1"), "minutes: got -1.0, expected 0.01 to 1000000.0"),
        (("--minutes", "nan"), "minutes: got nan, expected 0.01 to 1000000.0"),
        (("--seed", "-1"), "seed: got -1, expected 0 to 18446744073709551615"),
        (("--batch", "-1"), "batch: got -1, expected 0 to 4096"),
        (("--rate", "-0.1"), "rate: got -0.1, expected 0 to 1"),
        (("--rate", "nan"), "rate: got nan, expected 0 to 1"),
        (("--uses", "0"), "uses: got 0, expected 1 to 4096"),
        (("--workers", "-1"), "workers: got -1, expected 0 to 256"),
        (("--threads", "-1"), "threads: got -1, expected 0 to 1024"),
        (("--validation", "0"), "validation: got 0, expected 1 to 1000"),
    ],
)
def test_bad_numbers_are_named_and_nothing_is_written(
    arguments: Tuple[str, ...], line: str, tmp_path: pathlib.Path, capsys: Any
) -> None:
    assert refusal(capsys, tmp_path / "new", *arguments) == line
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_is_named(
    device: str, tmp_path: pathlib.Path, capsys: Any
) -> None:
    line = refusal(capsys, tmp_path / "new", "--device", device)
    assert line.startswith(f"device: got {device}, expected auto, cpu, cuda or cuda:N, as ")
    assert not (tmp_path / "new").exists()


def test_run_begins_with_an_archives_weights(tmp_path: pathlib.Path) -> None:
    given = network.Mini()
    torch.jit.script(given).half().save(str(tmp_path / "mini.pt"))
    run = training._Run(
        training.dataclasses.replace(SMALL, start=str(tmp_path / "mini.pt")), tmp_path / "run"
    )
    weights = run.model.weights()
    assert list(weights) == [name for name, _ in given.named_parameters()]
    for name, weight in given.named_parameters():  # stored in half
        assert torch.equal(weights[name], weight.detach().half().float()), name


def test_an_archive_to_begin_with_that_is_none_is_named(
    tmp_path: pathlib.Path, capsys: Any
) -> None:
    other = tmp_path / "other.pt"
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(other))
    (tmp_path / "text.pt").write_text("no archive")
    for name, why in (("other", "another network"), ("none", "no such file"), ("text", "")):
        path = tmp_path / f"{name}.pt"
        line = refusal(capsys, tmp_path / "new", "--start", str(path))
        assert line.startswith(f"start: got {path}, expected a mini.pt that persense.export wrote")
        assert why in line
        assert not (tmp_path / "new").exists()


def test_a_folder_that_is_a_file_is_named(tmp_path: pathlib.Path, capsys: Any) -> None:
    (tmp_path / "file").write_text("mine")
    assert str(tmp_path / "file") in refusal(capsys, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_missing_matplotlib_is_told_before_training(
    tmp_path: pathlib.Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'persense[train]'" in refusal(capsys, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_help_names_every_option_and_file(capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        training.main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    options = [field.name for field in training.dataclasses.fields(training.Settings)]
    for word in ["--" + name for name in ["out", *options]] + sorted(FILES):
        assert word in shown
