"""Training of the small network: its losses, its metrics, and a run of a few steps."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

for needed in ("cv2", "torch", "persense._core", "persense_training._scenes"):
    pytest.importorskip(needed, reason=f"training needs {needed}")
import torch  # noqa: E402
from training_data import write_training_data  # noqa: E402

from persense_export.networks import mini as network  # noqa: E402
from persense_training import mini as training  # noqa: E402
from persense_training import losses as parts  # noqa: E402
from persense_training import samples  # noqa: E402
from persense_training.model import Model  # noqa: E402
from persense_training.scenes import DISTINCT, SAME, UNKNOWN  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return write_training_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def batch(data: pathlib.Path) -> parts.Tensors:
    """Four samples, in float32."""
    source = samples.Mixture(3, data, slots=4, uses=4)
    tensors = training.tensors(samples.stacked([source.sample(n) for n in range(4)]))
    return {n: v.float() if v.is_floating_point() else v for n, v in tensors.items()}


def test_losses_reach_every_weight(batch):
    net = network.Mini()
    found = parts.losses(parts.forward(net, batch), batch)
    assert found.keys() == parts.WEIGHTS.keys()
    assert all(bool(torch.isfinite(v)) for v in found.values())
    torch.stack(list(found.values())).sum().backward()
    # at first the last layer of a company's attention may be ruled by others, but has a gradient
    without = [name for name, p in net.named_parameters() if p.grad is None]
    assert without == []


def perfect(batch: parts.Tensors) -> parts.Answer:
    """What a network that knows all would say."""
    answer = parts.Answer()
    sure = 12.0

    def logits(values: torch.Tensor) -> torch.Tensor:
        return torch.logit(values.clamp(1e-5, 1 - 1e-5)).clamp(-sure, sure)

    maps = torch.zeros(len(batch["query"]), network.MAPS, *batch["target"].shape[1:])
    maps[:, network.TARGET] = logits(batch["target"])
    maps[:, network.PEAKS] = logits(batch["density"])
    maps[:, network.OFFSET_X : network.OFFSET_Y + 1] = batch["offsets"]
    maps[:, network.OBJECT] = logits(batch["objects"])
    maps[:, network.CONTACT] = logits(batch["contact"])
    same = (batch["relation"] == SAME).float()
    answer.maps = maps
    answer.alone = torch.stack([sure * (2 * same - 1), logits(batch["quality"])], dim=1)
    answer.feedback = answer.alone
    answer.outline = sure * (2 * batch["window_truth"] - 1)
    return answer


def test_metrics_of_a_perfect_answer(batch):
    metrics = parts.Metrics()
    metrics.add(perfect(batch), batch)
    found = metrics.result()
    assert found["iou"] > 0.97 and found["mask"] == 1
    assert found["count_error"] < 0.1
    assert found["auc"] == 1
    assert found["quality_error"] < 1e-3
    assert found["mask_before"] < 0.97


def test_losses_of_a_perfect_answer_are_least(batch):
    best = parts.losses(perfect(batch), batch)
    worse = perfect(batch)
    worse.maps, worse.alone, worse.feedback, worse.outline = (
        v + 3 * torch.randn(v.shape, generator=torch.Generator().manual_seed(1))
        for v in (worse.maps, worse.alone, worse.feedback, worse.outline)
    )
    bad = parts.losses(worse, batch)
    assert all(best[name] < bad[name] for name in best if bad[name] > 0)


def test_losses_unknown_relations_teach_nothing(batch):
    answer = perfect(batch)
    blind = {**batch, "relation": torch.full_like(batch["relation"], UNKNOWN)}
    assert parts.losses(answer, blind)["same"] == 0
    assert parts.labels_of(blind)[1].sum() == 0
    one = {**batch, "relation": torch.full_like(batch["relation"], DISTINCT)}
    assert parts.labels_of(one)[1].all()


def test_auc_counts_ties_as_half():
    values = np.array([0.1, 0.4, 0.4, 0.9])
    assert parts.auc(values, np.array([False, False, True, True])) == 0.875
    assert np.isnan(parts.auc(values, np.ones(4, bool)))


def test_rate_warms_up_stays_and_falls_at_the_end():
    settings = training.Settings(steps=10000, cooldown=0.2, rate=0.01)
    rates = [training.rate_at(settings, n) for n in range(10001)]
    assert rates[0] < 1e-4 and rates[10000] == 0
    assert rates[600] == rates[7900] == 0.01
    assert all(a >= b for a, b in zip(rates[8000:], rates[8001:]))
    # more steps: as before up to where the fall would have begun
    longer = training.Settings(steps=20000, cooldown=0.2, rate=0.01)
    assert [training.rate_at(longer, n) for n in range(8000)] == rates[:8000]


def test_settings_out_of_range_name_themselves():
    with pytest.raises(ValueError, match="batch: got 0"):
        training.Settings(batch=0)


def test_train_goes_on_from_where_it_was_cut_off(data, tmp_path):
    out = tmp_path / "run"
    first = training.Settings(steps=3, batch=2, threads=1, validation=1)
    found = training.train(first, data, out)
    assert found.keys() == {"composed", "rendered", "real"}
    checkpoint = torch.load(out / training.CHECKPOINT, weights_only=True)
    assert checkpoint["steps"] == 3
    with pytest.raises(ValueError, match="batch: got 4, expected 2"):
        training.train(training.Settings(steps=4, batch=4), data, out)
    training.train(training.Settings(steps=5, batch=2, threads=1, validation=1), data, out)
    lines = [json.loads(line) for line in (out / training.LOG).read_text().splitlines()]
    assert [line["steps"] for line in lines if line["kind"] == "validation"] == [3] * 3 + [5] * 3
    weights = torch.load(out / training.WEIGHTS_FILE, weights_only=True)
    network.Mini().load_state_dict(weights)


def test_train_with_proposals_of_earlier_weights(data, tmp_path):
    torch.save(network.Mini().state_dict(), tmp_path / "earlier.pt")
    settings = training.Settings(
        steps=2, batch=2, threads=1, validation=1, proposals=str(tmp_path / "earlier.pt")
    )
    found = training.train(settings, data, tmp_path / "run")
    assert all(np.isfinite(of["loss"]) for of in found.values())
    missing = training.Settings(steps=2, proposals=str(tmp_path / "none.pt"))
    with pytest.raises(ValueError, match="weights: got .*none.pt, expected a file"):
        training.train(missing, data, tmp_path / "other")


def test_train_starts_with_whatever_fits(data, tmp_path):
    older = network.Mini()
    state = older.state_dict()
    state["head.2.weight"] = state["head.2.weight"][:5]  # had a channel less
    del state["verdict.weight"]
    torch.save(state, tmp_path / "older.pt")
    model = Model(torch.device("cpu"), 0.001)
    before = dict(zip([n for n, _ in model.net.named_parameters()], model.full))
    kept = before["verdict.weight"].clone()
    fitting = model.start(str(tmp_path / "older.pt"))
    assert fitting == sum(v.numel() for v in state.values())
    assert (before["stem.weight"] == older.stem.weight).all()
    assert (before["head.2.weight"][:5] == older.head[2].weight[:5]).all()
    assert (before["verdict.weight"] == kept).all()


def test_main_reports_what_is_wrong_in_one_line(tmp_path, capsys):
    given = ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "run"), "--start", "nothing"]
    assert training.main(given) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "weights: got nothing" in error
