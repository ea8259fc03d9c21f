"""What a run that was stopped, killed, or mistaken at first finds when the command is given again."""

import json
import pickle
import threading
from dataclasses import replace

import jobs
import pytest
import torch
from comma_align import checkpoint, loop, signals, train
from comma_align.checkpoint import State, checkpoints
from comma_align.errors import AlignError, DivergedError, EmptyError, Interrupted, RunError
from comma_align.loop import Loop, Place
from comma_align.stage import Score
from processes import together
from tiny_run import settings

SUPERVISED = {"stages": ("supervised",), "supervised": {"target": "length", "epochs": 2}}


def loop_of(run, data, out, stage="align"):
    job = train.prepare(run, data, out)
    return Loop(job.stage(stage), Place(run=run, out=out, accelerator=job.accelerator, quiet=True))


def layer():
    module = torch.nn.Linear(2, 2)
    return module, torch.optim.AdamW(module.parameters())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"target": "gapp"}, "no training sample has the target 'gapp'"),
        ({"target": "length", "labels": 10_000}, "labels"),
        ({"target": "chain", "kind": "regression"}, "chain"),
    ],
)
def test_a_mistake_in_the_last_stage_is_told_before_the_first_and_can_be_mended(data, tmp_path, wrong, message):
    both = {"stages": ("align", "supervised"), "epochs": 1}
    with pytest.raises(AlignError, match=message):
        train.train(settings(data, supervised=wrong, **both), data, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "checkpoints").exists()
    right = {"target": "length", "epochs": 1}
    train.train(settings(data, supervised=right, **both), data, tmp_path / "run", quiet=True)
    assert (tmp_path / "run" / "predictor").is_dir()


def test_a_run_that_failed_before_its_first_step_takes_another_config_and_a_later_one_does_not(data, tmp_path):
    train.prepare(settings(data, epochs=9), data, tmp_path / "run")
    run = settings(data, epochs=2)
    train.train(run, data, tmp_path / "run", quiet=True)
    with pytest.raises(RunError, match="epochs is 2 there, 9 here"):
        train.prepare(settings(data, epochs=9), data, tmp_path / "run")


def test_stages_in_another_order_are_refused(data):
    with pytest.raises(ValueError, match="in the order pretrain, align, supervised"):
        settings(data, stages=("supervised", "align"), supervised={"target": "length"})


def test_the_best_of_what_did_not_come_to_be_is_forgotten_and_the_one_before_is_there(tmp_path):
    module, optimizer = layer()
    for step, since in ((2, 0), (5, 4), (6, 4)):  # the last checkpoint is of step 4
        checkpoint.save_best(tmp_path, State(step=step, seconds=0.0), module, optimizer, since=since)
    assert [checkpoint.step_of(path) for path in checkpoints(tmp_path)] == [2, 6]
    checkpoint.forget(tmp_path, 4)  # killed, and taken up from there
    assert [checkpoint.step_of(path) for path in checkpoints(tmp_path)] == [2]


def test_a_run_that_goes_on_otherwise_than_before_ends_with_the_weights_that_it_scored_best(
    data, tmp_path, monkeypatch
):
    """As on another number of processes or another processor: the scores after the kill are other ones."""
    run = settings(data, epochs=8, validate_every=1, checkpoint_every=2, patience=8)
    scores, kept = iter([0.1, 0.2, 0.9, 0.3, 0.25, 0.2, 0.1, 0.1, 0.1]), {}

    def validate():
        value = next(scores)
        kept[value] = {k: v.clone() for k, v in current.stage.modules.state_dict().items()}
        return Score(value=value, figures={"validation": []}, note="")

    current = loop_of(run, data, tmp_path / "run")
    monkeypatch.setattr(current.stage, "validate", validate)
    real = current._after

    def after(taken, step, *, stopping):
        real(taken, step, stopping=stopping)
        if current.state.best == 0.9:
            raise ZeroDivisionError  # a kill behind the best and before the next checkpoint

    monkeypatch.setattr(current, "_after", after)
    with pytest.raises(ZeroDivisionError):
        current.run()
    current = loop_of(run, data, tmp_path / "run")
    monkeypatch.setattr(current.stage, "validate", validate)
    state = current.run()
    assert state.best == 0.3
    assert all(torch.equal(kept[0.3][k], v) for k, v in current.stage.modules.state_dict().items())
    assert len(checkpoints(current.bests)) == 1


def test_moments_of_other_weights_are_refused_by_name(data, tmp_path):
    head = settings(data, **(SUPERVISED | {"supervised": {"target": "length", "epochs": 1, "tune": False}}))
    train.train(head, data, tmp_path / "head", quiet=True)
    (saved,) = checkpoints(tmp_path / "head" / "checkpoints" / "supervised")
    with pytest.raises(RunError, match=r"tensors were learning in that run.*supervised\.tune"):
        train.train(settings(data, **SUPERVISED), data, tmp_path / "both", resume=str(saved), quiet=True)


def test_the_last_weights_are_always_validated(data, tmp_path):
    train.train(settings(data, epochs=3, validate_every=10, patience=1), data, tmp_path / "run", quiet=True)
    entries = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert "validation" in entries[-1]
    assert (tmp_path / "run" / "best" / "align").is_dir()


def test_a_run_in_which_no_step_was_finite_is_no_success(data, tmp_path, monkeypatch):
    run = settings(data, epochs=1, batch_size=64, bad_batches=3)
    current = loop_of(run, data, tmp_path / "run")
    real = current.stage.backward
    monkeypatch.setattr(
        current.stage, "backward", lambda *given: replace(real(*given), total=float("inf"), terms={"a": float("nan")})
    )
    with pytest.raises(DivergedError, match="without a finite loss"):
        current.run()


def test_what_is_not_finite_is_null_in_the_metrics(tmp_path):
    train.folder.log(tmp_path, {"loss": float("inf"), "terms": {"a": float("nan"), "b": [1.0, -float("inf")]}})

    def refuse(word):
        raise AssertionError(word)

    told = json.loads((tmp_path / "metrics.jsonl").read_text(), parse_constant=refuse)
    assert told == {"loss": None, "terms": {"a": None, "b": [1.0, None]}}


def test_a_run_may_train_in_a_thread_of_its_own(data, tmp_path):
    failed = []

    def work():
        try:
            train.train(settings(data, epochs=1), data, tmp_path / "run", quiet=True)
        except Exception as error:  # noqa: BLE001  told below
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not failed
    with signals.asked_to_stop() as asked:  # and here signals are heard
        assert not asked()


def test_a_worker_makes_an_order_once(data, tmp_path, monkeypatch):
    steps = pickle.loads(pickle.dumps(loop_of(settings(data, batch_size=2), data, tmp_path / "run").stage.steps))  # noqa: S301
    made = []
    real = type(steps)._batches
    monkeypatch.setattr(type(steps), "_batches", lambda self, epoch: made.append(epoch) or real(self, epoch))
    steps = pickle.loads(pickle.dumps(steps))  # noqa: S301
    for step in range(steps.per_epoch):
        steps.turns(step)
    assert steps.per_epoch > 1
    assert made == [0]


@pytest.mark.slow
def test_no_process_ends_before_the_checkpoint_of_a_stop_is_written(data, tmp_path):
    """torchrun ends them all as soon as one has ended."""
    run = settings(data, epochs=4)
    codes = together(2, jobs.stopped_slowly, run.model_dump_json(), str(data), str(tmp_path / "run"), str(tmp_path))
    assert codes == [Interrupted.exit_code] * 2
    assert [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)] == [1, 1]


def test_trackers_get_validation_and_steps_that_never_go_back(data, tmp_path, monkeypatch):
    told = []
    run = settings(
        data, stages=("align", "supervised"), epochs=2, validate_every=1, supervised=SUPERVISED["supervised"]
    )
    monkeypatch.setattr("accelerate.Accelerator.log", lambda _, values, step: told.append((step, values)))
    monkeypatch.setattr("accelerate.Accelerator.init_trackers", lambda *_: None)
    monkeypatch.setattr(train, "_accelerator", lambda *_: train.Accelerator())
    train.train(run.model_copy(update={"trackers": ("any",)}), data, tmp_path / "run", quiet=True)
    steps = [step for step, _ in told]
    assert steps == sorted(steps)
    keys = {key for _, values in told for key in values}
    assert {"align/loss", "align/structure-text", "supervised/validation/MAE"} <= keys
    assert any(key.startswith("align/validation/structure text") and key.endswith("R@1") for key in keys)
    assert all(isinstance(value, float) for _, values in told for value in values.values())


def test_a_dry_run_begins_no_tracker(data, tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr("accelerate.Accelerator.init_trackers", lambda *_: begun.append(1))
    monkeypatch.setattr(train, "_accelerator", lambda *_: train.Accelerator())
    run = settings(data, epochs=1).model_copy(update={"trackers": ("any",)})
    train.prepare(run, data, tmp_path / "run")
    assert not begun


def test_figures_are_flat_numbers_by_their_keys():
    given = {"MAE": 1, "rows": [{"query": "a", "gallery": "b", "R@1": 0.5}], "word": "x", "none": None}
    assert loop.flat(given) == {"MAE": 1.0, "rows/a b/R@1": 0.5}


def test_an_empty_target_is_told_as_before(data, tmp_path):
    with pytest.raises(EmptyError, match=r"there are .*length"):
        train.prepare(settings(data, **(SUPERVISED | {"supervised": {"target": "nothing"}})), data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.toml").exists()
