"""Real gloo processes give the gradients of one, and a run goes on with another number of them."""

import json

import jobs
import pytest
from processes import together


def launch(processes, tmp_path, negatives):
    out = tmp_path / f"out-{processes}.json"
    assert together(processes, jobs.gradients, str(out), negatives) == [0] * processes
    return json.loads(out.read_text())


@pytest.mark.parametrize(("world", "negatives"), [(2, 0), (4, 0), (2, 4)])
def test_several_processes_give_the_loss_and_gradients_of_one(tmp_path, world, negatives):
    one, several = launch(1, tmp_path, negatives), launch(world, tmp_path, negatives)
    assert (one["world"], several["world"]) == (1, world)
    assert several["loss"] == pytest.approx(one["loss"], rel=1e-12)
    assert several["temperature"] == pytest.approx(one["temperature"], rel=1e-9)
    # what no process has seen has no gradient, or the optimizer would decay it
    assert several["gradients"].keys() == one["gradients"].keys()
    assert not any(name.startswith("image") for name in one["gradients"])
    for name, gradient in one["gradients"].items():
        assert several["gradients"][name] == pytest.approx(gradient, rel=1e-9, abs=1e-12)
        assert any(gradient)


def config(data, **changes):
    encoders = {"text": {"width": 16, "heads": 2, "dropout": 0.0}, "structure": {"width": 16, "layers": 1}}
    given = {
        "name": "tiny", "data": str(data), "modalities": ["structure", "text"], "encoders": encoders, "dim": 16,
        "epochs": 6, "batch_size": 8, "validate_every": 2, "checkpoint_every": 2,
    }  # fmt: skip
    return json.dumps(given | changes)


def trained(tmp_path, data, world, out, stop=0, **changes):
    codes = together(world, jobs.training, config(data, **changes), str(data), str(tmp_path / out), stop)
    lines = (tmp_path / out / "metrics.jsonl").read_text().splitlines()
    return codes, [entry["loss"] for entry in map(json.loads, lines) if "loss" in entry]


@pytest.mark.slow
def test_a_run_goes_on_with_other_numbers_of_processes(data, tmp_path):
    codes, whole = trained(tmp_path, data, 1, "whole")
    assert codes == [0]
    for world, stop in ((2, 4), (1, 0)):
        codes, losses = trained(tmp_path, data, world, "moved", stop)
        assert codes == [4 if stop else 0] * world
        assert len(losses) == (stop or len(whole))
    assert losses == pytest.approx(whole, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["supervised", "pretrain"])
def test_the_other_stages_run_on_two_processes(data, tmp_path, stage):
    changes = {"stages": [stage], "supervised": {"target": "length", "epochs": 3}, "pretrain": {"epochs": 3}}
    one, two = (trained(tmp_path, data, world, f"{stage}-{world}", **changes) for world in (1, 2))
    assert (one[0], two[0]) == ([0], [0, 0])
    assert len(one[1]) == len(two[1])
    if stage == "supervised":  # the corruption of pre-training is drawn by each process
        assert two[1] == pytest.approx(one[1], rel=1e-5)


@pytest.mark.slow
def test_a_process_that_has_no_sample_of_a_batch_changes_nothing(data, tmp_path):
    one, three = (trained(tmp_path, data, world, f"few-{world}", batch_size=2, epochs=2) for world in (1, 3))
    assert (one[0], three[0]) == ([0], [0] * 3)
    assert three[1] == pytest.approx(one[1], rel=1e-5)
